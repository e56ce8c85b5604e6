"""Reports go to the domain itself, or to those who say that they want them (RFC 9990 4)."""

from __future__ import annotations

import pytest

from filterd.auth.destination import destinations
from filterd.auth.record import parse_record
from tests.support.answers import Records, asking

CONSENT = "blue.example.com._report._dmarc.red.example.net"
ZONE: dict[str, Records] = {
    "_dmarc.example.com": "v=DMARC1; p=none",
    "_dmarc.example.net": "v=DMARC1; p=none",
}


def found(rua: str, **zone: Records) -> list[tuple[str, str]]:
    record = parse_record(f"v=DMARC1; p=none; rua={rua}".encode())
    assert record is not None
    named = {name.replace("__", "."): value for name, value in zone.items()}
    answers = destinations("blue.example.com", record, asking({**ZONE, **named}))
    return [(one.mailbox, one.refusal) for one in answers]


def with_consent(rua: str, consent: Records) -> list[tuple[str, str]]:
    record = parse_record(f"v=DMARC1; p=none; rua={rua}".encode())
    assert record is not None
    answers = destinations("blue.example.com", record, asking({**ZONE, CONSENT: consent}))
    return [(one.mailbox, one.refusal) for one in answers]


@pytest.mark.parametrize(
    "rua", ["mailto:d@blue.example.com", "mailto:d@example.com", "mailto:d@other.example.com"]
)
def test_same_organization_needs_no_consent(rua: str) -> None:
    assert found(rua) == [(rua.removeprefix("mailto:"), "")]


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        ("v=DMARC1", [("r@red.example.net", "")]),
        ("v=DMARC1;", [("r@red.example.net", "")]),
        (["junk", "v=DMARC1; p=none"], [("r@red.example.net", "")]),
        ("v=DMARC1; rua=mailto:new@red.example.net", [("new@red.example.net", "")]),
        ("v=DMARC1; rua=mailto:x@evil.example", [("", "red.example.net names another host")]),
        ("v=DMARC2", [("", "red.example.net does not ask for reports about blue.example.com")]),
        ([], [("", "red.example.net does not ask for reports about blue.example.com")]),
        ("!", [("", f"{CONSENT}: timeout")]),
    ],
    ids=["plain", "semicolon", "beside-junk", "override", "override-elsewhere", "version", "none", "timeout"],
)  # fmt: skip
def test_another_organization_needs_consent(
    consent: Records, expected: list[tuple[str, str]]
) -> None:
    assert with_consent("mailto:r@red.example.net", consent) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "https://blue.example.com/r",
        "mailto:nobody",
        "mailto:@blue.example.com",
        "mailto:a b@blue.example.com",
        "mailto:a%0d%0aRCPT@blue.example.com",
        "mailto:a>@blue.example.com",
        "mailto:a@b@blue.example.com",
    ],
)
def test_what_is_no_mailbox_gets_nothing(uri: str) -> None:
    assert all(mailbox == "" for mailbox, _ in found(uri))


def test_each_destination_is_judged_alone() -> None:
    both = found("mailto:a@example.com,mailto:b@elsewhere.example")
    assert [mailbox for mailbox, _ in both] == ["a@example.com", ""]


def test_silent_dns_is_temporary() -> None:
    record = parse_record(b"v=DMARC1; p=none; rua=mailto:a@red.example.net")
    assert record is not None
    (one,) = destinations(
        "blue.example.com", record, asking({**ZONE, "_dmarc.example.net": "!"})
    )
    assert (one.mailbox, one.is_temporary) == ("", True)
