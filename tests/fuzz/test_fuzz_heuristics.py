"""Any bytes give hits of declared symbols and no exception, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.checks import (
    attachment,
    author,
    bounce,
    bulk,
    field,
    gtube,
    html,
    link,
    mailer,
    mime,
    received,
)
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import Hit
from filterd.core.transaction import Envelope, Session, Transaction
from filterd.mail.message import Message
from tests.support.builders import no_dns
from tests.support.speed import is_within

pytestmark = pytest.mark.fuzz

CHECKS = [
    module.CHECK
    for module in (
        attachment,
        author,
        bounce,
        bulk,
        field,
        gtube,
        html,
        link,
        mailer,
        mime,
        received,
    )
]
SERVICES = Services(ask=no_dns, clock=FixedClock())
FIELDS = st.sampled_from(
    [b"From", b"To", b"Cc", b"Reply-To", b"Subject", b"Date", b"Message-ID", b"Received", b"X-Mailer", b"X-MimeOLE",
     b"Content-Type", b"Content-Transfer-Encoding", b"Content-Disposition", b"List-Id", b"List-Unsubscribe",
     b"List-Unsubscribe-Post", b"In-Reply-To", b"References", b"Precedence", b"Auto-Submitted", b"MIME-Version"]
)  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"a@b.example", b"<a@gmail.com>", b'"x@y.example" <a@b.example>', b"undisclosed-recipients:;", b"=?utf-8?q?=C3=BC?=",
         b"Tue, 14 Nov 2023 22:13:10 +9999", b"<000001c780a5$08444700$0100007f@x>", b"Microsoft Outlook Express 6.00.2900.2180",
         b"from x (y [8.8.8.8]) by z with ESMTP id 1; Tue, 14 Nov 2023 22:13:10 +0000", b"multipart/alternative; boundary=b",
         b"multipart/mixed; boundary=b", b"text/html; charset=windows-1251", b"base64", b"attachment; filename=a.pdf.exe",
         b"application/zip; name=a.zip", b"<https://a.example/>", b"multipart/report; report-type=delivery-status"]
    ),
)  # fmt: skip
LINES = st.sampled_from(
    [b"--b", b"--b--", b"", b"Content-Type: text/html", b"Content-Type: message/rfc822", b"Content-Type: application/zip; name=x.zip",
     b"Content-Transfer-Encoding: base64", b"UEsDBAoAAAAAAA==", b"TVqQAAMAAAA=", b"<a href='http://1.2.3.4/'>x</a>", b"<form>",
     b"<p style='display:none'>hidden", b"hello world", b"http://a.example/b", b"\xd0\xbf\xd1\x80a", b"\xe2\x80\x8b", b"> quoted", b"\xff\xfe"]
)  # fmt: skip


def judge(raw: bytes) -> None:
    tx = Transaction(
        Session(helo="x"), Envelope("a@b.example", ("c@d.example",)), Message.from_bytes(raw)
    )
    for check in CHECKS:
        for item in check.run(tx, check.settings(), SERVICES):
            if isinstance(item, Hit):
                assert item.symbol in check.symbols
                assert isinstance(item.detail.encode("utf-8", "surrogatepass"), bytes)


@given(st.lists(st.tuples(FIELDS, VALUES), max_size=12), st.lists(LINES, max_size=30))
def test_any_message(fields: list[tuple[bytes, bytes]], lines: list[bytes]) -> None:
    header = b"".join(
        name + b": " + value.replace(b"\n", b" ") + b"\r\n" for name, value in fields
    )
    judge(header + b"\r\n" + b"\r\n".join(lines))


@given(st.binary(max_size=500))
def test_any_bytes(raw: bytes) -> None:
    judge(raw)


BITS = [
    b"<!--", b"<a href=http://a.example/>x</a>", b"a<b>", b"<", b"&#65;", b"http://a.b.example/", b"x@gmail.com ", b"> x\n", b"&#", b"<!-- a b c d e f g h ->",
    b"\xd0\xb0a", b"\xe2\x80\x8b", b"a<!--x-->b", b"<qwert ", b"--b\n", b"=", b"(", b"a.com ", "𝐚".encode(), b"[", b'<img src="http://a.example/x">',
]  # fmt: skip


@pytest.mark.parametrize("bit", BITS)
@pytest.mark.parametrize(
    "kind", ["text/html", "text/plain", "multipart/alternative; boundary=b"]
)
def test_300_kb_of_anything_takes_under_a_second(bit: bytes, kind: str) -> None:
    raw = f"From: a@b.example\r\nContent-Type: {kind}\r\n\r\n".encode() + bit * (
        300_000 // len(bit)
    )
    started = time.thread_time()
    judge(raw)
    assert is_within(time.thread_time() - started, 1.0)


@pytest.mark.parametrize(
    "name",
    [
        b"From",
        b"To",
        b"Subject",
        b"Received",
        b"Message-ID",
        b"List-Unsubscribe",
        b"Date",
        b"References",
        b"Reply-To",
        b"List-Id",
    ],
)
@pytest.mark.parametrize(
    "bit",
    [
        b"a",
        b"<",
        b'"',
        b"(",
        b"a@b.example, ",
        b"=?utf-8?q?x?= ",
        b" ",
        b"1.",
        b"id *",
        b"re: ",
    ],
)
def test_a_field_of_100_kib_takes_under_a_second(name: bytes, bit: bytes) -> None:
    raw = name + b": " + bit * (102_400 // len(bit)) + b"\r\n\r\nx"
    started = time.thread_time()
    judge(raw)
    assert is_within(time.thread_time() - started, 1.0)
