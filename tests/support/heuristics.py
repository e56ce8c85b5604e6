"""heuristics - one ordinary message, variations of it, and what a check says of them.

Owns:   mail (the message with fields or body exchanged), symbols (what a check hits), table (the tests of a
        check whose cases are one message each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from filterd.core.check import Check, CheckSettings
from filterd.core.clock import FixedClock
from filterd.core.evidence import Hit
from tests.support.builders import a_transaction, evidence

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 +0000
RECEIVED = (
    "from mail.example.org (mail.example.org [198.51.100.7]) by mx.example.net (Postfix) with ESMTPS"
    " id 4ABC for <ann@example.net>; Tue, 14 Nov 2023 22:13:18 +0000"
)
FIELDS: dict[str, str] = {
    "Received": RECEIVED,
    "From": "Bob Miller <bob@example.org>",
    "To": "Ann Smith <ann@example.net>",
    "Subject": "Minutes of the meeting",
    "Date": "Tue, 14 Nov 2023 22:13:10 +0000",
    "Message-ID": "<20231114221310.7@mail.example.org>",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
}
BODY = "Dear Ann,\n\nhere are the minutes of our meeting on Monday.\n\nRegards, Bob\n"


def mail(body: str | bytes = BODY, /, **fields: str | Sequence[str] | None) -> bytes:
    """The ordinary message with fields exchanged: `reply_to="x"`, None drops one, a list repeats it."""
    given = {name.replace("_", "-").lower(): value for name, value in fields.items()}
    known = {name.lower(): name for name in FIELDS}
    lines: list[bytes] = []
    for name, value in FIELDS.items():
        chosen = given.pop(name.lower(), value)
        lines += _lines(known[name.lower()], chosen)
    for name, chosen in given.items():
        lines += _lines(name.title(), chosen)
    content = body.encode() if isinstance(body, str) else body
    return b"".join(lines) + b"\n" + content


def _lines(name: str, value: str | Sequence[str] | None) -> list[bytes]:
    if value is None:
        return []
    values = [value] if isinstance(value, str) else list(value)
    return [f"{name}: {one}\n".encode("utf-8", "surrogateescape") for one in values]


def html(body: str, **fields: str | Sequence[str] | None) -> bytes:
    """The ordinary message as HTML alone."""
    return mail(body, content_type="text/html; charset=utf-8", **fields)


def multipart(*parts: str, kind: str = "mixed", **fields: str | Sequence[str] | None) -> bytes:
    """The ordinary message with these parts, each with its own header and empty line."""
    body = "".join(f"--b\n{part}\n" for part in parts) + "--b--\n"
    return mail(body, content_type=f"multipart/{kind}; boundary=b", **fields)


def symbols(
    check: Check, message: bytes, settings: CheckSettings | None = None, **facts: Any
) -> set[str]:
    """The symbols that the check hits for that message."""
    tx = a_transaction(message=message, **facts)
    found = evidence(check, tx, settings=settings, clock=FixedClock(NOW))
    return {item.symbol for item in found if isinstance(item, Hit)}


Cases = Sequence[tuple[str, bytes]]
Test = Callable[..., None]


def table(
    check: Check, hits: Cases, misses: Cases, configured: Iterable[str] = ()
) -> tuple[Test, Test, Test]:
    """Three tests of a check: each symbol hits its cases, leaves its own alone, and has a case.

    `configured` are symbols that need settings and have tests of their own.
    """

    @pytest.mark.parametrize(("symbol", "message"), hits, ids=_ids(hits))
    def hit(symbol: str, message: bytes) -> None:
        assert symbol in symbols(check, message)

    @pytest.mark.parametrize(("symbol", "message"), misses, ids=_ids(misses))
    def miss(symbol: str, message: bytes) -> None:
        assert symbol not in symbols(check, message)

    def every_symbol_has_a_case() -> None:
        assert {symbol for symbol, _ in hits} | set(configured) == set(check.symbols)

    return hit, miss, every_symbol_has_a_case


def _ids(cases: Cases) -> list[str]:
    return [f"{symbol}-{number}" for number, (symbol, _) in enumerate(cases)]
