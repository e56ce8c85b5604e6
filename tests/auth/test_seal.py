"""What we sign another implementation verifies, and we sign for our own only."""

from __future__ import annotations

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.auth import arc, dkim, seal
from filterd.auth.keyfile import Signer, published
from filterd.core.verdict import DeleteField, Edit, Hold, InsertField, ReplaceField
from filterd.mail.header import Field, Header
from filterd.mail.message import Message
from tests.support.answers import Records, asking
from tests.support.signing import ed25519_key, rsa_key

NOW = 1_790_000_000
RSA = Signer("example.org", "r", rsa_key())
ED = Signer("example.org", "e", ed25519_key())
KEYS: dict[str, Records] = {signer.name: published(signer) for signer in (RSA, ED)}
BODY = b"Hello  there \r\n\r\n\r\n"
RAW = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a  long\r\n\tsubject\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <a@example.org>\r\n\r\n" + BODY
)
MESSAGE = Message.from_bytes(RAW)
BOTH = seal.Sealing(signers=(RSA, ED), oversign=("from", "subject", "reply-to"))


def with_fields(message: Message, fields: tuple[InsertField, ...]) -> Message:
    """The message as an MTA hands it on: inserted in order, each on top, LF folds as CRLF."""
    header = message.header
    for field in fields:
        value = b" " + field.value.encode().replace(b"\n", b"\r\n")
        header = Header((Field(field.name, value), *header))
    return Message(header, message.body)


def outgoing(message: Message = MESSAGE, sealing: seal.Sealing = BOTH) -> Message:
    fields = sealing.fields(message, is_ours=True, account="", now=NOW)
    return with_fields(message, fields)


def test_rsa_and_ed25519_side_by_side_verify() -> None:
    results = dkim.evaluate(outgoing(), asking(KEYS), NOW)
    assert [(r.result, r.get("header.a")) for r in results] == [
        ("pass", "ed25519-sha256"),
        ("pass", "rsa-sha256"),
    ]


@pytest.mark.parametrize("signer", [RSA, ED], ids=["rsa", "ed25519"])
def test_dkimpy_verifies_our_signature(signer: Signer) -> None:
    raw = outgoing(sealing=seal.Sealing(signers=(signer,))).raw
    record = published(signer).encode()
    assert dkimpy.verify(raw, dnsfunc=lambda _name, **_kw: record)


_NAME = st.sampled_from(["From", "To", "Subject", "X-Other", "List-Id", "References"])
_VALUE = st.binary(max_size=60).map(
    lambda b: b.replace(b"\r", b"").replace(b"\n", b"\r\n ").replace(b"\0", b"")
)


@settings(max_examples=80, deadline=None)
@given(
    fields=st.lists(st.tuples(_NAME.filter(lambda name: name != "From"), _VALUE), max_size=8),
    body=st.binary(max_size=200),
)
def test_whatever_we_sign_verifies(fields: list[tuple[str, bytes]], body: bytes) -> None:
    header = Header(
        [Field("From", b" ann@example.org"), *(Field(name, value) for name, value in fields)]
    )
    message = outgoing(Message(header, body))
    assert {r.result for r in dkim.evaluate(message, asking(KEYS), NOW)} == {"pass"}


def test_lines_are_short_and_the_whole_is_ascii() -> None:
    for field in BOTH.fields(MESSAGE, is_ours=True, account="", now=NOW):
        lines = f"{field.name}: {field.value}".split("\n")
        assert all(len(line) <= 100 for line in lines[:1])
        assert all(len(line) <= 78 for line in lines[1:])


def test_oversigned_field_cannot_be_added() -> None:
    added = b"Reply-To: eve@example.net\r\n" + outgoing().raw
    results = dkim.evaluate(Message.from_bytes(added), asking(KEYS), NOW)
    assert {r.result for r in results} == {"fail"}


def test_end_of_validity_is_signed() -> None:
    message = outgoing(sealing=seal.Sealing(signers=(RSA,), expire=3600))
    (fresh,) = dkim.evaluate(message, asking(KEYS), NOW + 3000)
    (stale,) = dkim.evaluate(message, asking(KEYS), NOW + 9000)
    assert (fresh.result, stale.result, stale.reason) == ("pass", "fail", "signature expired")


@pytest.mark.parametrize(
    ("fields", "domains"),
    [
        (b"From: a@example.org\r\n", ["example.org"]),
        (b"From: a@EXAMPLE.org\r\n", ["example.org"]),
        (b"From: a@sub.example.org\r\n", ["example.org"]),
        (b"From: a@deep.own.example.org\r\n", ["own.example.org"]),
        (b"From: a@example.net\r\n", []),
        (b"From: a@notexample.org\r\n", []),
        (b"To: a@example.org\r\n", []),
        (b"From: a@example.org\r\nFrom: b@example.org\r\n", []),
        (b"From: nobody\r\n", []),
    ],
)
def test_only_authors_of_our_domains_are_signed_for(fields: bytes, domains: list[str]) -> None:
    own = Signer("own.example.org", "r", rsa_key())
    sealing = seal.Sealing(signers=(RSA, own))
    found = sealing.signers_for(Message.from_bytes(fields + b"\r\nHi\r\n"))
    assert [signer.domain for signer in found] == domains


def test_subdomains_can_be_left_out() -> None:
    sealing = seal.Sealing(signers=(RSA,), subdomains=False)
    message = Message.from_bytes(b"From: a@sub.example.org\r\n\r\nHi\r\n")
    assert sealing.fields(message, is_ours=True, account="", now=NOW) == ()


def test_mail_of_others_is_never_signed() -> None:
    assert BOTH.fields(MESSAGE, is_ours=False, account="", now=NOW) == ()


def test_message_seen_in_part_is_not_signed() -> None:
    part = Message(MESSAGE.header, b"Hello", size=1 << 30, marks=["oversize"])
    assert BOTH.fields(part, is_ours=True, account="", now=NOW) == ()


# -- ARC ------------------------------------------------------------------------------------

SEALING = seal.Sealing(signers=(RSA,), sealer=RSA)


def sealed(message: Message, chain: str) -> Message:
    account = f"mx.example.org; arc={chain}; dmarc=pass header.from=example.org"
    fields = SEALING.fields(message, is_ours=False, account=account, now=NOW)
    return with_fields(message, fields)


def test_our_chain_passes_here_and_in_dkimpy() -> None:
    message = sealed(sealed(sealed(MESSAGE, "none"), "pass"), "pass")
    assert len(message.header) == len(MESSAGE.header) + 9
    chain = arc.evaluate(message, asking(KEYS))
    assert (chain.result, chain.reason, len(chain.sets)) == ("pass", "", 3)
    assert arc.vouching_sealer(chain, message, ["example.org"]) == "example.org"
    record = published(RSA).encode()
    verdict, _, reason = dkimpy.ARC(message.raw).verify(dnsfunc=lambda _name, **_kw: record)
    assert (verdict, reason) == (b"pass", "success")


def test_broken_chain_is_sealed_once_as_broken_and_no_more() -> None:
    once = sealed(MESSAGE, "none")
    broken = sealed(Message(once.header, b"changed\r\n"), "fail")
    assert len(broken.header) == len(once.header) + 3
    assert (
        arc.evaluate(broken, asking(KEYS)).reason == "the sealer of i=2 found the chain broken"
    )
    assert len(sealed(broken, "fail").header) == len(broken.header)


@pytest.mark.parametrize("chain", ["", "pass", "neutral"])
def test_first_set_needs_the_status_none(chain: str) -> None:
    assert len(sealed(MESSAGE, chain).header) == len(MESSAGE.header)


def test_unknown_status_of_a_chain_is_not_guessed() -> None:
    once = sealed(MESSAGE, "none")
    assert len(sealed(once, "none").header) == len(once.header)


def test_full_chain_gets_no_more_sets() -> None:
    header = Header((Field("ARC-Seal", b" i=50; cv=pass"), *MESSAGE.header))
    assert len(sealed(Message(header, BODY), "pass").header) == len(header)


def test_chain_said_to_pass_that_is_broken_is_left_alone() -> None:
    header = Header((Field("ARC-Seal", b" i=1; cv=none"), *MESSAGE.header))
    assert len(sealed(Message(header, BODY), "pass").header) == len(header)


def test_accounts_of_ours_are_merged() -> None:
    header = Header(
        [
            Field("Authentication-Results", b" mx.example.org; spf=pass"),
            Field("Authentication-Results", b" other.example; dmarc=pass"),
            Field("Authentication-Results", b" MX.example.org; arc=none;"),
        ]
    )
    assert seal.merged_account(header, "mx.example.org") == "mx.example.org; spf=pass; arc=none"
    assert seal.merged_account(header, "nobody.example") == ""


def test_what_leaves_is_what_is_signed() -> None:
    message = Message.from_bytes(b"Subject: x\r\nX-Spam-Flag: NO\r\n" + RAW)
    changes: list[Edit] = [
        DeleteField("X-Spam-Flag", 1),
        DeleteField("X-Absent", 1),
        ReplaceField("Subject", 2, "[tag] tagged"),
        InsertField("Reply-To", "ann@example.org", 0),
        InsertField("X-Last", "end"),
        Hold("held"),
    ]
    left = seal.leaving(message, changes)
    assert [field.name for field in left.header][:3] == ["Reply-To", "Subject", "From"]
    assert [field.value for field in left.header.all("subject")] == ["x", "[tag] tagged"]
    assert left.header.fields[-1].name == "X-Last"
    assert "x-spam-flag" not in left.header
    fields = BOTH.fields(message, is_ours=True, account="", now=NOW, edits=changes)
    results = dkim.evaluate(with_fields(left, fields), asking(KEYS), NOW)
    assert {result.result for result in results} == {"pass"}
    assert seal.leaving(message, [Hold("held")]) is message
