"""A verdict as bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.core.history import VerdictQuery, VerdictRecord
from filterd.core.verdict import Action, Reply, ScoredHit, Span
from filterd.mail.authres import AuthResult, Property
from filterd.store.record import (
    GROUP,
    MAX_DETAIL,
    MAX_PARTS,
    Blind,
    fits,
    from_line,
    number,
    pack,
    query_terms,
    terms,
    to_line,
    unpack,
)

WHOLE = VerdictRecord(
    why_id="ABCDEFGH",
    queue_id="4XyZ",
    at=1_790_000_000.25,
    action=Action.REJECT,
    score=16.21,
    stage="eom",
    would=Action.TAG,
    decisive="score 16.21 >= reject 15",
    profile="default",
    thresholds=(("tag", 6.0), ("reject", 15.0)),
    reply=Reply(550, "5.7.1", "no (why ABCDEFGH)"),
    client="192.0.2.1",
    client_name="mx.a.example",
    helo="mx.a.example",
    tls="TLSv1.3",
    auth_user="",
    sender="ann@a.example",
    recipients=("bob@b.example", "Eve@b.example"),
    recipient_count=2,
    author="ann@a.example",
    subject="Grüße",
    size=12345,
    hits=(
        ScoredHit("SPF_FAIL", 1.5, "a.example"),
        ScoredHit("CLASSIFIER", -2.33, "0.02", parts=(("hello", -1.0), ("buy now", 0.25))),
        ScoredHit("NEW_RULE", 0.0, "", shadow=True),
    ),
    auth_results=(
        AuthResult(
            "spf", "fail", "why", (Property("smtp", "mailfrom", "ann@a.example"),), "comment"
        ),
        AuthResult("dkim", "none"),
    ),
    failures=("dnsbl: timeout",),
    marks=("oversize",),
    spans=(Span("spf", 1.2, "rcpt"), Span("rule", 0.3, "eom"), Span("dns", 2.0, "")),
    milliseconds=42.1,
    delayed=5.0,
    facts={"model": "m1"},
)
PLAIN = VerdictRecord(why_id="A", at=1.0, action=Action.ACCEPT, score=0.0)


@pytest.mark.parametrize("record", [WHOLE, PLAIN], ids=["whole", "plain"])
def test_there_and_back(record: VerdictRecord) -> None:
    assert from_line(to_line(record)) == record


texts = st.text(max_size=20)
hits = st.tuples(
    st.from_regex(r"[A-Z_]{1,20}", fullmatch=True),
    st.integers(-3000, 3000).map(lambda n: n / 100),
    texts,
).map(lambda values: ScoredHit(*values))


@given(
    st.builds(
        VerdictRecord,
        texts,
        st.floats(0, 4e9).map(lambda t: round(t, 2)),
        st.sampled_from(Action),
        st.integers(-9999, 9999).map(lambda n: n / 100),
        sender=texts,
        author=texts,
        helo=texts,
        client_name=texts,
        recipients=st.lists(texts, max_size=4).map(tuple),
        hits=st.lists(hits, max_size=8).map(tuple),
        subject=st.text(st.characters(), max_size=20),
    )
)
def test_whatever_senders_write_comes_back(record: VerdictRecord) -> None:
    assert from_line(to_line(record)) == record
    assert unpack(pack([to_line(record)] * GROUP)) == [to_line(record)] * GROUP


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_value_error(data: bytes) -> None:
    for read in (from_line, unpack):
        try:
            read(data)
        except ValueError:
            continue


def test_what_is_long_is_cut() -> None:
    parts = tuple((f"token {n}" * 20, float(n)) for n in range(50))
    long = VerdictRecord(
        "A", 1.0, Action.TAG, 1.0, hits=(ScoredHit("X", 1.0, "d" * 500, parts=parts),)
    )
    (hit,) = from_line(to_line(long)).hits
    assert len(hit.detail) == MAX_DETAIL
    assert [points for _, points in hit.parts] == [
        float(n) for n in range(49, 49 - MAX_PARTS, -1)
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (VerdictQuery(sender="ANN@a.example"), True),
        (VerdictQuery(sender="@A.example"), True),
        (VerdictQuery(recipient="eve@b.example", symbol="SPF_FAIL"), True),
        (VerdictQuery(client="192.0.2.1", action=Action.REJECT), True),
        (VerdictQuery(sender="a.example"), False),
        (VerdictQuery(symbol="SPF_PASS"), False),
        (VerdictQuery(since=1_790_000_001), False),
    ],
)
def test_queries_and_terms_agree(query: VerdictQuery, found: bool) -> None:
    assert fits(WHOLE, query) is found
    if found:
        assert set(query_terms(query)) <= terms(WHOLE)


def test_a_record_is_found_by_its_ids() -> None:
    assert {number("wABCDEFGH"), number("w4XyZ")} <= terms(WHOLE)


def test_a_blind_record_keeps_what_is_no_address() -> None:
    blind = Blind(b"k").record(WHOLE)
    assert (blind.action, blind.score, blind.decisive) == (
        WHOLE.action,
        WHOLE.score,
        WHOLE.decisive,
    )
    text = to_line(blind)
    assert not any(word in text for word in (b"a.example", b"b.example", b"192.0.2", b"ann"))
