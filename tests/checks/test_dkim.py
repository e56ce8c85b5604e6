"""Each result of DKIM becomes a symbol by one table."""

from __future__ import annotations

import pytest

from filterd.checks import dkim
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult, Hit, Property
from filterd.core.lookup import Question
from tests.support.answers import Records, asking
from tests.support.builders import a_transaction, evidence
from tests.support.signing import crafted, rsa_record, signed

MESSAGE = b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: s\r\n\r\nHello\r\n"
KEY = "s._domainkey.example.org"


def hits(raw: bytes, record: Records) -> list[str]:
    found = evidence(
        dkim.CHECK, a_transaction(message=raw), ask=asking({KEY: record}), clock=FixedClock()
    )
    return [item.symbol for item in found if isinstance(item, Hit)]


@pytest.mark.parametrize(
    ("raw", "record", "symbol"),
    [
        (MESSAGE, rsa_record(), "DKIM_NONE"),
        (signed(MESSAGE), rsa_record(), "DKIM_PASS"),
        (signed(MESSAGE).replace(b"Hello", b"Hullo"), rsa_record(), "DKIM_FAIL"),
        (signed(MESSAGE).replace(b": s\r", b": t\r"), rsa_record(tags="t=y;"), "DKIM_TESTING"),
        (signed(MESSAGE), "!", "DKIM_TEMPERROR"),
        (signed(MESSAGE), "v=DKIM1; p=", "DKIM_PERMERROR"),
        (b"From: x@example.org\r\n" + crafted(MESSAGE), rsa_record(), "DKIM_POLICY"),
        (signed(MESSAGE, length=True) + b"more\r\n", rsa_record(), "DKIM_PARTIAL"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("DKIM_") else "",
)
def test_symbol_of_each_result(raw: bytes, record: str, symbol: str) -> None:
    assert hits(raw, record) == [symbol]


def test_symbols_name_the_domains_and_come_once() -> None:
    raw = signed(signed(MESSAGE), domain="list.example")
    table = {KEY: rsa_record(), "s._domainkey.list.example": rsa_record()}
    found = evidence(dkim.CHECK, a_transaction(message=raw), ask=asking(table))
    assert [item for item in found if isinstance(item, Hit)] == [
        Hit("DKIM_PASS", detail="list.example; example.org")
    ]
    assert [item.result for item in found if isinstance(item, AuthResult)] == ["pass", "pass"]


def test_result_carries_the_properties_of_rfc_8601() -> None:
    (result,) = [
        item
        for item in evidence(
            dkim.CHECK, a_transaction(message=signed(MESSAGE)), ask=asking({KEY: rsa_record()})
        )
        if isinstance(item, AuthResult)
    ]
    names = [f"{p.ptype}.{p.name}" for p in result.properties]
    assert names == ["header.d", "header.i", "header.s", "header.a", "header.b"]
    assert Property("header", "d", "example.org") in result.properties
    assert result.comment == "1024-bit rsa key"


def test_questions_are_those_that_run_asks() -> None:
    asked: list[Question] = []
    tx = a_transaction(message=signed(MESSAGE))
    evidence(dkim.CHECK, tx, ask=asking({}, asked=asked))
    assert asked == list(dkim.CHECK.questions(tx, dkim.Settings()))


def test_every_symbol_is_declared() -> None:
    assert set(dkim.SYMBOLS.values()) < set(dkim.CHECK.symbols)
