"""SPF results become symbols by one table, for the reverse-path and for HELO."""

from __future__ import annotations

import pytest

from filterd.checks import spf
from filterd.core.evidence import AuthResult, Hit, Note
from tests.support.announced import run
from tests.support.builders import a_transaction


def found(zone: str, **facts: str) -> list[object]:
    settings = spf.Settings(received_spf=facts.pop("received", "") == "yes")
    said = run(spf.CHECK, a_transaction(**facts), zone, settings)  # type: ignore[arg-type]
    assert said.unannounced == []
    return list(said.evidence)


def symbols(zone: str, **facts: str) -> list[str]:
    return [item.symbol for item in found(zone, **facts) if isinstance(item, Hit)]


@pytest.mark.parametrize(
    ("record", "symbol"),
    [
        ("TXT v=spf1 ip4:192.0.2.1 -all", "SPF_PASS"),
        ("TXT v=spf1 -all", "SPF_FAIL"),
        ("TXT v=spf1 ~all", "SPF_SOFTFAIL"),
        ("TXT v=spf1 ?all", "SPF_NEUTRAL"),
        ("TXT unrelated", "SPF_NONE"),
        ("TXT v=spf1 nonsense:x -all", "SPF_PERMERROR"),
        ("SERVFAIL", "SPF_TEMPERROR"),
    ],
)
def test_each_result_has_its_symbol(record: str, symbol: str) -> None:
    assert symbols(f"example.org {record}") == [symbol]


def test_helo_is_judged_beside_the_reverse_path() -> None:
    zone = "example.org TXT v=spf1 ip4:192.0.2.1 -all\nmail.example.org TXT v=spf1 -all"
    assert symbols(zone) == ["SPF_HELO_FAIL", "SPF_PASS"]


def test_the_null_reverse_path_is_judged_by_helo_once() -> None:
    said = found("mail.example.org TXT v=spf1 ip4:192.0.2.1 -all", mail_from="")
    results = [item for item in said if isinstance(item, AuthResult)]
    assert [(r.result, r.get("smtp.helo")) for r in results] == [("pass", "mail.example.org")]


def test_nothing_is_said_of_mail_that_came_from_no_address() -> None:
    assert found("example.org TXT v=spf1 -all", client="") == []


def test_received_spf_is_added_on_request() -> None:
    said = found("example.org TXT v=spf1 -all", received="yes")
    notes = [item for item in said if isinstance(item, Note)]
    assert notes[0].name == "Received-SPF"
    assert notes[0].value.startswith("Fail (")
