"""A chain is whole or it is not, and only trusted sealers are believed. The suite is in conformance/arc."""

from __future__ import annotations

import base64
from functools import cache

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from filterd.auth import arc
from filterd.core.lookup import Question
from filterd.limits import Limits
from filterd.mail.header import Field
from filterd.mail.message import Message
from tests.support.answers import Records, asking
from tests.support.signing import crafted, pem, rsa_key, rsa_record

MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: hello\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\nHello\r\n"
)


@cache
def sealed(*hops: tuple[str, str]) -> bytes:
    """The message as each (sealer, its account) in turn seals it, by dkimpy."""
    raw = MESSAGE
    for number, (sealer, account) in enumerate(hops):
        chain = "; arc=pass" if number else ""
        trace = f"Authentication-Results: {sealer}; {account}{chain}\r\n".encode()
        fields = dkimpy.arc_sign(
            trace + raw, b"s", sealer.encode(), pem(rsa_key()), sealer.encode()
        )
        raw = b"".join(fields) + raw
    return raw


def chain_of(raw: bytes, **table: Records) -> arc.Chain:
    names = [f"hop{n}.example" for n in range(6)]
    records: dict[str, Records] = {f"s._domainkey.{name}": rsa_record() for name in names}
    return arc.evaluate(Message.from_bytes(raw), asking({**records, **table}))


PASSED = "dmarc=pass header.from=example.org"
FAILED = "dmarc=fail header.from=example.org"
THREE = sealed(("hop1.example", PASSED), ("hop2.example", FAILED), ("hop3.example", FAILED))


def test_message_without_chain_is_none() -> None:
    assert chain_of(MESSAGE) == arc.Chain("none")


def test_chain_by_another_implementation_passes() -> None:
    chain = chain_of(THREE)
    assert (chain.result, chain.reason) == ("pass", "")
    assert [one.sealer for one in chain.sets] == [
        "hop1.example",
        "hop2.example",
        "hop3.example",
    ]


def test_dns_trouble_fails_the_chain_and_says_so() -> None:
    """RFC 8617 5.2: treated no differently than any other ARC violation."""
    chain = chain_of(THREE, **{"s._domainkey.hop2.example": "!"})
    assert (chain.result, chain.reason) == ("fail", "ARC-Seal i=2: key unavailable: timeout")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Hello\r\n", b"Hallo\r\n", "ARC-Message-Signature i=3: body hash did not verify"),
        (b"bob@", b"eve@", "ARC-Message-Signature i=3: signature did not verify"),
        (b"hop1.example;\r\n dmarc=pass", b"hop1.example;\r\n dmarc=none", "ARC-Seal i=1: signature"),
        (b"hop2.example;\r\n dmarc=fail", b"hop2.example;\r\n dmarc=pass", "ARC-Seal i=2: signature"),
    ],
    ids=["body", "header", "first-account", "second-account"],
)  # fmt: skip
def test_what_was_altered_is_named(old: bytes, new: bytes, reason: str) -> None:
    assert old in THREE
    chain = chain_of(THREE.replace(old, new, 1))
    assert chain.result == "fail"
    assert chain.reason.startswith(reason)


def test_chains_longer_than_the_limit_fail() -> None:
    message = Message.from_bytes(THREE)
    chain = arc.evaluate(message, asking({}), Limits(arc_sets=2))
    assert (chain.result, chain.reason) == ("fail", "more than 2 ARC sets")


def test_huge_instance_costs_nothing() -> None:
    raw = b"ARC-Seal: i=999; cv=pass; a=rsa-sha256; d=a; s=b; b=AAAA\r\n" + MESSAGE
    assert chain_of(raw).reason == "no arc-authentication-results with i=1"


def test_all_questions_are_announced() -> None:
    asked: list[Question] = []
    message = Message.from_bytes(THREE)
    names = ["hop1.example", "hop2.example", "hop3.example"]
    table: dict[str, Records] = {f"s._domainkey.{name}": rsa_record() for name in names}
    arc.evaluate(message, asking(table, asked=asked))
    assert set(asked) == set(arc.questions(message.header))


@pytest.mark.parametrize(
    ("trusted", "vouching"),
    [
        ((), ""),
        (("hop3.example",), ""),
        (("hop1.example",), ""),
        (("hop3.example", "hop1.example"), ""),
        (("HOP3.example", "hop2.example", "hop1.example"), "hop1.example"),
    ],
    ids=["nobody", "newest-saw-failure", "not-the-newest", "gap-between", "all"],
)
def test_sealers_are_believed_as_far_as_trust_reaches(
    trusted: tuple[str, ...], vouching: str
) -> None:
    assert arc.vouching_sealer(chain_of(THREE), Message.from_bytes(THREE), trusted) == vouching


def test_broken_chain_vouches_for_nothing() -> None:
    raw = THREE.replace(b"Hello\r\n", b"Hallo\r\n")
    names = ("hop1.example", "hop2.example", "hop3.example")
    assert arc.vouching_sealer(chain_of(raw), Message.from_bytes(raw), names) == ""


@pytest.mark.parametrize(
    ("account", "vouching"),
    [
        ("dmarc=pass header.from=example.org", "hop1.example"),
        ("dmarc=pass header.from=Example.ORG", "hop1.example"),
        ("dmarc=pass (p=none) action=none", "hop1.example"),
        ("dmarc=pass header.from=elsewhere.example", ""),
    ],
    ids=["this-author", "case", "no-author", "another-author"],
)
def test_pass_of_another_author_vouches_for_nothing(account: str, vouching: str) -> None:
    raw = sealed(("hop1.example", account))
    chain = chain_of(raw)
    assert arc.vouching_sealer(chain, Message.from_bytes(raw), ["hop1.example"]) == vouching


@pytest.mark.parametrize(
    ("tags", "vouching"),
    [
        ("h=from:to:subject", "hop1.example"),
        ("h=to:subject", ""),
        ("h=from:to; l=2", ""),
        ("h=from:to; l=7", "hop1.example"),
    ],
    ids=["all", "no-from", "part-of-the-body", "all-of-the-body"],
)
def test_signature_that_leaves_things_to_others_vouches_for_nothing(
    tags: str, vouching: str
) -> None:
    who = "a=rsa-sha256; d=hop1.example; s=s"
    raw = (
        b"ARC-Authentication-Results: i=1; hop1.example; dmarc=pass\r\n"
        + crafted(
            MESSAGE, f"i=1; {who}; c=relaxed/relaxed; {tags}", name="ARC-Message-Signature"
        ).partition(b"From:")[0]
    )
    account, signature = (Field(*split_field(line)) for line in raw.splitlines())
    bare = seal_over(account, signature, f"i=1; {who}; cv=none; b=")
    whole = bare + signature.line + account.line + MESSAGE
    chain = chain_of(whole)
    assert (chain.result, chain.reason) == ("pass", "")
    assert arc.vouching_sealer(chain, Message.from_bytes(whole), ["hop1.example"]) == vouching


def split_field(line: bytes) -> tuple[str, bytes]:
    name, _, value = line.partition(b":")
    return name.decode(), value


def seal_over(account: Field, signature: Field, tags: str) -> bytes:
    """An ARC-Seal of the first set, by hand (RFC 8617 5.1.1)."""
    lines = [f"{f.key}:{f.value}\r\n" for f in (account, signature)]
    data = "".join(lines).encode() + f"arc-seal:{tags}".encode()
    value = rsa_key().sign(data, PKCS1v15(), SHA256())
    return f"ARC-Seal: {tags}{base64.b64encode(value).decode()}\r\n".encode()


def test_oldest_signature_that_still_fits_is_named() -> None:
    assert chain_of(THREE).oldest_pass == 0  # nobody changed anything
    listed = MESSAGE.replace(b"Subject: hello", b"Subject: [list] hello")
    first = sealed(("hop1.example", PASSED))
    fields = first[: -len(MESSAGE)]
    second = dkimpy.arc_sign(
        b"Authentication-Results: hop2.example; arc=pass; dmarc=fail\r\n" + fields + listed,
        b"s",
        b"hop2.example",
        pem(rsa_key()),
        b"hop2.example",
    )
    chain = chain_of(b"".join(second) + fields + listed)
    assert (chain.result, chain.oldest_pass) == ("pass", 2)


@pytest.mark.parametrize(
    ("account", "result"),
    [
        ("id; dmarc=pass header.from=a.example", "pass"),
        ("id; spf=pass; DMARC=Pass (p=none) header.from=a.example", "pass"),
        ("id; dmarc = pass", "pass"),
        ('id; dkim=fail reason="x; dmarc=pass"', ""),
        ("id; dkim=fail (x; dmarc=pass)", ""),
        ("id; dkim=fail (x (y) z; dmarc=pass)", ""),
        ('id; dkim=fail reason="x\\"; dmarc=pass"', ""),
        ("id; spf=pass (" + "(" * 50_000 + "; dmarc=pass", ""),
        ("id; dmarc=fail; dmarc=pass", ""),
        ("dmarc=pass", ""),
        ("id; none", ""),
        ("", ""),
    ],
)
def test_reported_result_cannot_be_injected(account: str, result: str) -> None:
    assert arc.reported(account, "dmarc") == result
