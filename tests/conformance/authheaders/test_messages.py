"""Messages collected by others for DKIM, ARC and DMARC; the outcomes are worked out from the RFCs.

The zone is ours: example.com signs and asks for nothing, its subdomains and neighbours ask for more, and
"gov" and "biz" are public suffixes with a policy of their own.
"""

from __future__ import annotations

import dataclasses

import pytest

from filterd.auth import arc, dkim
from filterd.auth.author import author_domains, evaluate_message
from filterd.auth.dmarc import Identifier, identifiers
from filterd.mail.message import Message
from tests.support.answers import Records, asking
from tests.support.shared import shared_path

SUITE = "suites/authheaders"
NOW = 1_790_000_000


def zone(key: str) -> dict[str, Records]:
    return {
        "test._domainkey.example.com": key,
        "test._domainkey.example.biz": key,
        "_dmarc.example.com": "v=DMARC1; p=none; rua=mailto:dmarc@example.com",
        "_dmarc.bad.example.com": "v=DMARC1; p=bogus",
        "_dmarc.example.org": "v=DMARC1; p=reject",
        "_dmarc.example.net": "v=DMARC1; p=none; sp=quarantine",
        "sub.example.net": "exists",
        "_dmarc.example.biz": "v=DMARC1; p=none; sp=quarantine; np=reject",
        "sub.example.biz": "exists",
        "_dmarc.gov": "v=DMARC1; p=none; sp=reject; psd=y",
        "example.gov": "exists",
    }


@dataclasses.dataclass(frozen=True)
class Outcome:
    dkim: tuple[str, str]  # result, reason
    dmarc: tuple[str, str, str]  # result, policy, header.from
    spf: tuple[str, str, str] = (
        "",
        "",
        "",
    )  # dmarc's when SPF passes for the author domain as well


UNSIGNED = ("none", "")
PASS = ("pass", "")
ALTERED = ("fail", "signature did not verify")

OUTCOMES = {
    "test.message": Outcome(UNSIGNED, ("fail", "none", "example.com"), ("pass", "none", "example.com")),
    "test.message_signed": Outcome(PASS, ("pass", "none", "example.com")),
    "testcomma.message": Outcome(PASS, ("pass", "none", "example.com")),
    # A bad policy and nobody to tell: no DMARC processing (RFC 9989 4.10.1).
    "test.bad.message": Outcome(UNSIGNED, ("none", "none", "bad.example.com")),
    # The public suffix's record, its sp since example.gov exists.
    "test.gov.message": Outcome(UNSIGNED, ("fail", "reject", "example.gov")),
    "test.nofrom.message": Outcome(UNSIGNED, ("permerror", "none", "")),
    # From was changed after signing; of two author domains the strictest failure counts (11.5).
    "test.message_multi": Outcome(ALTERED, ("fail", "reject", "example.org")),
    "test.message_multi2": Outcome(ALTERED, ("fail", "reject", "example.org")),
    "test.message_sub": Outcome(ALTERED, ("fail", "quarantine", "sub.example.net")),
    "test.message_np1": Outcome(ALTERED, ("fail", "quarantine", "sub.example.biz")),
    "test.message_np2": Outcome(ALTERED, ("fail", "reject", "sub2.example.biz")),
}  # fmt: skip


def load(name: str) -> tuple[Message, dict[str, Records]]:
    folder = shared_path(SUITE)
    raw = (folder / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Message.from_bytes(raw), zone((folder / "test.txt").read_text())


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str) -> None:
    message, records = load(name)
    expected = OUTCOMES[name]
    ask = asking(records)
    (signature,) = dkim.evaluate(message, ask, NOW)
    assert (signature.result, signature.reason) == expected.dkim
    assert arc.evaluate(message, ask).result == "none"
    authors = author_domains(message)
    found = evaluate_message(authors, identifiers([signature], "test@example.com"), ask)
    assert (found.result, found.policy.text, found.author) == expected.dmarc
    if expected.spf[0]:
        found = evaluate_message(authors, [Identifier("spf", "example.com")], ask)
        assert (found.result, found.policy.text, found.author) == expected.spf


def test_no_message_of_the_suite_is_left_out() -> None:
    present = {path.name for path in shared_path(SUITE).iterdir()}
    assert present - {"test.txt", "test.private"} == set(OUTCOMES)
