"""Every signature of a message has its own result, in the words of RFC 6376 and RFC 8601."""

from __future__ import annotations

import base64
from unittest.mock import Mock

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.auth import dkim, signature
from filterd.core.lookup import Answer, Question, Status, tempfail
from filterd.limits import LIMITS
from filterd.mail.authres import AuthResult
from filterd.mail.message import Message
from tests.support.answers import Records, asking, silence, txt
from tests.support.signing import crafted, ed25519_record, rsa_record, signed

NOW = 1_790_000_000
MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a  folded\r\n\tsubject\r\n"
    b"\r\nHello  there, \r\n\r\nthis is it.\t\r\n\r\n\r\n"
)
KEY = "s._domainkey.example.org"
BASE = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from:to:subject"


def results(
    raw: bytes, records: Records | None = None, **names: Records
) -> tuple[AuthResult, ...]:
    table: dict[str, Records] = {KEY: rsa_record() if records is None else records}
    table.update(names)
    return dkim.evaluate(Message.from_bytes(raw), asking(table), NOW)


def one(raw: bytes, records: Records | None = None) -> AuthResult:
    (result,) = results(raw, records)
    return result


def test_unsigned_message_is_none() -> None:
    assert one(MESSAGE) == AuthResult("dkim", "none")


@pytest.mark.parametrize("body", ["simple", "relaxed"])
@pytest.mark.parametrize("header", ["simple", "relaxed"])
@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519-sha256"])
def test_signature_by_another_implementation_passes(
    header: str, body: str, algorithm: str
) -> None:
    raw = signed(MESSAGE, algorithm=algorithm, canonicalize=f"{header}/{body}")
    record = ed25519_record() if algorithm.startswith("ed") else rsa_record()
    result = one(raw, record)
    assert (result.result, result.reason) == ("pass", "")
    assert result.get("header.d") == "example.org"
    assert result.get("header.i") == "@example.org"
    assert result.get("header.s") == "s"
    assert result.get("header.a") == algorithm
    assert len(result.get("header.b")) == 8


def test_file_with_bare_line_feeds_verifies_as_it_was_sent() -> None:
    raw = signed(MESSAGE, canonicalize="simple/simple").replace(b"\r\n", b"\n")
    assert one(raw).result == "pass"


@pytest.mark.parametrize(
    ("tags", "result", "reason"),
    [
        (BASE, "pass", ""),
        (BASE.replace("v=1", "v=2"), "permerror", "incompatible version"),
        (BASE.replace("v=1; ", ""), "permerror", "missing required tag v="),
        (BASE.replace("d=example.org; ", ""), "permerror", "missing required tag d="),
        (BASE.replace("s=s; ", ""), "permerror", "missing required tag s="),
        (BASE.replace("a=rsa-sha256; ", ""), "permerror", "missing required tag a="),
        (BASE.replace("rsa-sha256", "rsa-sha1"), "permerror", "rsa-sha1 is historic"),
        (BASE.replace("rsa-sha256", "rsa-sha512"), "permerror", "unknown signature algorithm"),
        (BASE.replace("relaxed/relaxed", "nofws"), "permerror", "unknown c="),
        (BASE.replace("h=from:to", "h=to"), "permerror", "From field not signed"),
        (BASE.replace("d=example.org", "d=exa mple.org"), "permerror", "d= is no domain name"),
        (BASE.replace("s=s", "s=a@b"), "permerror", "s= is no selector"),
        (BASE + "; i=x@sub.example.org", "pass", ""),
        (BASE + "; i=x@badexample.org", "permerror", "domain mismatch"),
        (BASE + "; i=x@org", "permerror", "domain mismatch"),
        (BASE + "; i=example.org", "permerror", "i= has no @"),
        (BASE + "; i=@EXAMPLE.org", "pass", ""),
        (BASE + "; i=a=40b@sub.Example.org", "pass", ""),
        (BASE.replace("relaxed/relaxed", "relaxed/"), "permerror", "unknown c="),
        (BASE.replace("relaxed/relaxed", "Relaxed/SIMPLE"), "pass", ""),
        (BASE.replace("c=relaxed/relaxed; ", ""), "pass", ""),
        (BASE.replace("relaxed/relaxed", "relaxed"), "pass", ""),
        (BASE.replace("d=example.org", "d=EXAMPLE.Org"), "pass", ""),
        (BASE.replace("s=s", "s=S"), "pass", ""),
        (BASE.replace("h=from:to:subject", "h=From : To :\tSubject"), "pass", ""),
        (BASE.replace("v=1", "V=1"), "permerror", "missing required tag v="),
        (BASE.replace("v=1", "v=01"), "permerror", "incompatible version"),
        (BASE + ":dkim-signature", "pass", ""),  # it does not sign itself (3.7)
        (BASE + "; l=0", "pass", ""),
        (BASE + "; x=99999999999999", "pass", ""),
        (BASE + "; q=dns/txt:other", "pass", ""),
        (BASE + "; q=http", "permerror", "unknown query method"),
        (BASE + f"; t={NOW - 100}; x={NOW + 5}", "pass", ""),
        (BASE + f"; t={NOW - 9000}; x={NOW - 8000}", "fail", "signature expired"),
        (BASE + f"; t={NOW}; x={NOW - 10}", "permerror", "x= is not after t="),
        (BASE + "; x=soon", "permerror", "x= is no number"),
        (BASE + "; l=ten", "permerror", "l= is no number"),
        (BASE + "; l=100000", "permerror", "l= is more than the body has"),
        (BASE + "; h=from", "permerror", "signature syntax error: duplicate tag"),
        (BASE + "; nonsense", "permerror", "signature syntax error: invalid tag"),
        (BASE + "; -x=1", "permerror", "signature syntax error"),
        (BASE + "; unknown=tag", "pass", ""),
        (BASE.replace("to:", "to:to:to:from:x-absent:"), "pass", ""),
    ],
)
def test_tags_of_the_signature(tags: str, result: str, reason: str) -> None:
    found = one(crafted(MESSAGE, tags))
    assert found.result == result
    assert reason in found.reason


@pytest.mark.parametrize(
    ("records", "result", "reason"),
    [
        pytest.param([], "permerror", "no key for signature", id="none"),
        pytest.param(
            Answer(Status.NXDOMAIN), "permerror", "no key for signature", id="nxdomain"
        ),
        pytest.param(
            tempfail("servfail"), "temperror", "key unavailable: servfail", id="servfail"
        ),
        pytest.param("!", "temperror", "key unavailable: timeout", id="timeout"),
        pytest.param("v=DKIM1; p=", "permerror", "key revoked", id="revoked"),
        pytest.param("p=", "permerror", "key revoked", id="revoked-bare"),
        pytest.param("v=DKIM1; k=rsa", "permerror", "key syntax error: missing p=", id="no-p"),
        pytest.param(
            "v=DKIM2; " + rsa_record(tags=""), "permerror", "bad version", id="version"
        ),
        pytest.param(
            rsa_record(tags="k=rsa; v=DKIM1; "), "permerror", "bad version", id="v-late"
        ),
        pytest.param(rsa_record(tags=""), "pass", "", id="p-alone"),
        pytest.param(
            rsa_record(tags="v=DKIM1;k=rsa;g=*;n=a note;zz=1;"), "pass", "", id="unknown"
        ),
        pytest.param(rsa_record() + ";", "pass", "", id="final-semicolon"),
        pytest.param(
            rsa_record(tags="h=sha1; "), "permerror", "inappropriate hash", id="h-sha1"
        ),
        pytest.param(rsa_record(tags="h=sha1:sha256; "), "pass", "", id="h-both"),
        pytest.param(rsa_record(tags="s=email; "), "pass", "", id="s-email"),
        pytest.param(rsa_record(tags="s=other:*; "), "pass", "", id="s-star"),
        pytest.param(rsa_record(tags="s=tlsrpt; "), "permerror", "not for email", id="s-other"),
        pytest.param(
            rsa_record(tags="k=dsa; "), "permerror", "inappropriate key", id="k-unknown"
        ),
        pytest.param(
            ed25519_record(), "permerror", "inappropriate key algorithm", id="k-wrong"
        ),
        pytest.param("v=DKIM1; p=@@@", "permerror", "p= is not base64", id="p-junk"),
        pytest.param("v=DKIM1; p=MIGfMA0G", "permerror", "no RSA key", id="p-cut"),
        pytest.param("v=DKIM1; k=ed25519; p=AAAA", "permerror", "not 32 octets", id="ed-short"),
        pytest.param("v=spf1 -all", "permerror", "key syntax error", id="spf"),
        pytest.param(b"\xff\x00junk", "permerror", "key syntax error", id="binary"),
        pytest.param(rsa_record(tags="t=y; "), "pass", "", id="testing"),
        pytest.param(rsa_record(tags="t=s; "), "pass", "", id="strict"),
        pytest.param(["junk", rsa_record()], "pass", "", id="second-record"),
        pytest.param(
            ["v=DKIM1; p=", rsa_record(2048)], "fail", "did not verify", id="best-reason"
        ),
        pytest.param("v=DKIM1; n=" + "x" * 60_000, "permerror", "too long", id="60-kB"),
    ],
)
def test_key_records(records: Records, result: str, reason: str) -> None:
    found = one(signed(MESSAGE), records)
    assert found.result == result
    assert reason in found.reason


def test_strict_key_wants_identity_at_the_domain_itself() -> None:
    raw = crafted(MESSAGE, BASE + "; i=x@sub.example.org")
    assert "t=s" in one(raw, rsa_record(tags="t=s; ")).reason


def test_failure_under_a_test_key_says_so() -> None:
    raw = signed(MESSAGE).replace(b"Subject: a", b"Subject: b")
    found = one(raw, rsa_record(tags="t=y; "))
    assert (found.result, found.reason) == ("fail", "signature did not verify (test key)")


def test_altered_body_is_told_from_altered_header() -> None:
    raw = signed(MESSAGE)
    body = one(raw.replace(b"this is it", b"this is not it"))
    header = one(raw.replace(b"bob@", b"eve@"))
    assert (body.result, body.reason) == ("fail", "body hash did not verify")
    assert (header.result, header.reason) == ("fail", "signature did not verify")


# `cryptography` makes no keys this short any more, so here is one by OpenSSL, and a signature by it.
SHORT = (
    "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAOv4vUX8GU4AFvcSNQBcecgrAI9VUGcVU+5MQ3YlMeK8d0JR"
    "+heXg6FMjy6SnOPLhJTb49/mY5RT2sqcwxE2qIcCAwEAAQ=="
)


def test_short_rsa_key_never_passes() -> None:
    found = one(signed(MESSAGE), SHORT)
    assert found.result == "policy"
    assert "512 bits" in found.reason


def test_second_from_that_is_not_signed_is_not_a_pass() -> None:
    raw = signed(MESSAGE, include=("from", "to", "subject"))
    assert one(raw).result == "pass"
    added = one(b"From: Boss <boss@example.org>\r\n" + raw)
    assert (added.result, added.reason) == ("policy", "a From field is not signed")
    oversigned = signed(MESSAGE, include=("from", "to", "subject", "from"))
    assert one(b"From: Boss <boss@example.org>\r\n" + oversigned).result == "fail"


def test_partial_body_passes_with_a_mark() -> None:
    raw = signed(MESSAGE, length=True, canonicalize="simple/simple")
    whole = one(raw)
    assert (whole.result, whole.get("policy.partial")) == ("pass", "")
    longer = one(raw.rstrip(b"\r\n") + b"\r\nBuy this!\r\n")
    assert longer.result == "pass"
    covered, _, total = longer.get("policy.partial").partition("/")
    assert 0 < int(covered) < int(total)


def test_each_signature_has_its_own_result_in_order() -> None:
    twice = signed(
        signed(MESSAGE), domain="list.example", selector="t", algorithm="ed25519-sha256"
    )
    first, second = results(twice, **{"t._domainkey.list.example": ed25519_record()})
    assert [first.get("header.d"), second.get("header.d")] == ["list.example", "example.org"]
    assert [first.result, second.result] == ["pass", "pass"]


def test_signature_values_are_shown_long_enough_to_differ() -> None:
    raw = b"".join(
        f"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AAAA; b={b}\r\n".encode()
        for b in ("abcdefghAAAAAA", "abcdefghBBBBBB", "xyzxyzxyzxyz")
    )
    shown = [result.get("header.b") for result in results(raw + MESSAGE)]
    assert len(set(shown)) == 3
    assert all(len(value) >= 8 for value in shown)


def test_signatures_beyond_the_limit_are_counted_and_the_authors_own_is_found() -> None:
    raw = signed(MESSAGE)
    junk = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=junk.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    )
    found = results(junk * 30 + raw)
    assert len(found) == LIMITS.signatures + 1
    assert [r.result for r in found].count("pass") == 1
    assert found[-1].result == "neutral"
    assert "23 more signatures" in found[-1].reason


def test_message_cut_short_is_not_called_a_failure() -> None:
    raw = signed(MESSAGE)
    message = Message(
        Message.from_bytes(raw).header, b"Hello", size=1 << 30, marks=["oversize"]
    )
    (found,) = dkim.evaluate(message, asking({KEY: rsa_record()}), NOW)
    assert (found.result, found.get("header.d")) == ("neutral", "example.org")


def test_all_questions_are_announced() -> None:
    asked: list[Question] = []
    message = Message.from_bytes(signed(signed(MESSAGE, domain="Example.NET")))
    dkim.evaluate(message, asking({}, asked=asked), NOW)
    assert set(asked) == set(dkim.questions(message.header))
    assert {q.name for q in asked} == {KEY, "s._domainkey.example.net"}


def test_domain_in_u_labels_is_asked_for_in_a_labels() -> None:
    tags = BASE.replace("example.org", "bücher.example")
    asked: list[Question] = []
    dkim.evaluate(Message.from_bytes(crafted(MESSAGE, tags)), asking({}, asked=asked), NOW)
    assert [q.name for q in asked] == ["s._domainkey.xn--bcher-kva.example"]


def test_no_answer_at_all_is_temporary() -> None:
    (found,) = dkim.evaluate(Message.from_bytes(signed(MESSAGE)), silence, NOW)
    assert found.result == "temperror"


# -- against dkimpy -------------------------------------------------------------------------

_LINES = st.lists(
    st.sampled_from([b"", b" ", b"\t", b"a", b"a  b", b"a \t", b"\xff\xfe", b"  a", b"."]),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(lines=_LINES, canon=st.sampled_from(["simple", "relaxed"]), final=st.booleans())
def test_whatever_dkimpy_signs_passes(lines: list[bytes], canon: str, final: bool) -> None:
    body = b"\r\n".join(lines) + (b"\r\n" if final else b"")
    raw = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    if canon == "relaxed" and body and not body.endswith(b"\r\n") and body[-1:] in b" \t":
        return  # dkimpy keeps a blank before the end of the text; RFC 6376 3.4.4 a says remove it
    assert one(signed(raw, canonicalize=f"{canon}/{canon}")).result == "pass"


def test_blanks_cost_linear_time_where_dkimpy_takes_quadratic() -> None:
    raw = crafted(MESSAGE + b" " * 3_000_000)
    assert one(raw, rsa_record()).result in {"pass", "fail"}


@pytest.mark.parametrize(
    "raw",
    [MESSAGE, MESSAGE + b"more\r\n", MESSAGE.replace(b"Hello", b"Hallo")],
    ids=["same", "appended", "changed"],
)
def test_verdict_agrees_with_dkimpy(raw: bytes) -> None:
    field = signed(MESSAGE)[: -len(MESSAGE)]
    record = rsa_record().encode()
    theirs = dkimpy.verify(field + raw, dnsfunc=lambda _name, **_kw: record)
    assert (one(field + raw).result == "pass") is theirs


def test_rfc_8463_example_verifies() -> None:
    """The key and the signed message of RFC 8463 Appendix A."""
    raw = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
        b" d=football.example.com; i=@football.example.com;\r\n"
        b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        b" subject : date : message-id : from : subject : date;\r\n"
        b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
        b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
        b"From: Joe SixPack <joe@football.example.com>\r\n"
        b"To: Suzie Q <suzie@shopping.example.net>\r\n"
        b"Subject: Is dinner ready?\r\n"
        b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
        b"\r\n"
        b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
    )
    record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    table = {"brisbane._domainkey.football.example.com": record}
    (found,) = dkim.evaluate(Message.from_bytes(raw), asking(table), NOW)
    assert found.result == "pass"


def test_body_is_canonicalised_once_for_all_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Mock(wraps=signature.canonical_body)
    monkeypatch.setattr(signature, "canonical_body", seen)
    assert [found.result for found in results(signed(signed(signed(MESSAGE))))] == ["pass"] * 3
    assert seen.call_count == 1


@pytest.mark.parametrize("names", ["dkim-signature", "dkim-signature:dkim-signature"])
def test_signature_over_an_earlier_signature_does_not_take_itself_for_one(names: str) -> None:
    raw = crafted(signed(MESSAGE), f"{BASE}:{names}")
    assert [found.result for found in results(raw)] == ["pass", "pass"]


def test_base64_of_b_may_be_folded() -> None:
    raw = signed(MESSAGE)
    head, _, tail = raw.partition(b" b=")
    value, _, rest = tail.partition(b"\r\nFrom:")
    text = b"".join(value.split())
    assert base64.b64decode(text)
    folded = b"\r\n\t ".join(text[i : i + 7] for i in range(0, len(text), 7))
    assert one(head + b" b=" + folded + b"\r\nFrom:" + rest).result == "pass"


def test_txt_answer_with_no_records_is_no_key() -> None:
    assert one(signed(MESSAGE), txt()).reason == "no key for signature"
