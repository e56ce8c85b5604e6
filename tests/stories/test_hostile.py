"""Mail written to break filters, through a real Postfix: bounded, marked, answered, never dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.demo.postfix import PrivatePostfix
from deploy.demo.service import Service
from deploy.demo.sink import Delivery, SmtpSink
from tests.stories.conftest import available
from tests.support import miltermta
from tests.support.smtp import Client, send

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

STRANGER = Client(address="192.0.2.10", name="mail.example.org")
HEAD = (
    b"From: alice@example.org\r\nTo: user@example.net\r\nSubject: hello\r\n"
    b"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
)
SECONDS = 20.0  # for anything at all; each has a bound of its own far below


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    settings = {
        "checks.greylist.enabled": False,
        "checks.ratelimit.enabled": False,
        "checks.tarpit.enabled": False,
        "thresholds.reject": 0,
    }
    with Service(settings) as running:
        yield running


@pytest.fixture(scope="module")
def common_sink() -> Iterator[SmtpSink]:
    with SmtpSink() as last_hop:
        yield last_hop


@pytest.fixture(scope="module")
def mta(common_sink: SmtpSink, service: Service) -> Iterator[PrivatePostfix]:
    with available(PrivatePostfix, common_sink.port, milters=[service.postfix]) as postfix:
        yield postfix


@pytest.fixture
def sink(common_sink: SmtpSink) -> SmtpSink:
    """The last hop that all tests of the module share, with nothing in it."""
    common_sink.clear()
    return common_sink


@pytest.fixture(autouse=True)
def nobody_dies(service: Service) -> Iterator[None]:
    """Whatever the message: no worker crashed over it."""
    before = sorted(service.workers())
    yield
    assert sorted(service.workers()) == before


def scanned(mta: PrivatePostfix, sink: SmtpSink, content: bytes) -> Delivery:
    """The message as delivered after a scan that ended well and soon."""
    started = time.monotonic()
    sent = send(mta.port, content, client=STRANGER)
    assert time.monotonic() - started < SECONDS
    assert sent.final.code == 250, sent.final
    delivery = sink.wait(1)[-1]
    assert len(delivery.fields("X-Spam-Status")) == 1
    assert delivery.content.startswith(b"Authentication-Results: ")
    return delivery


def test_a_field_of_100_kilobytes(mta: PrivatePostfix, sink: SmtpSink) -> None:
    # Postfix 3.7 takes a field of 102,400 bytes and, once any milter is there, cuts it at 60,000.
    folded = b"X-Long: " + b"\r\n ".join([b"a" * 900] * 111) + b"\r\n"
    assert 100_000 < len(folded) < 102_400
    delivery = scanned(mta, sink, HEAD + folded + b"X-After: 1\r\n\r\nhello\r\n")
    assert len(delivery.fields("X-Long")[0]) > 59_000
    assert delivery.fields("X-After") == ["1"]


@pytest.mark.parametrize("size", [65_535, 102_400, 500_000, 1_000_000])
def test_a_field_that_libmilter_would_reset_the_connection_for(
    service: Service, size: int
) -> None:
    # libmilter's own limit is 65,535 bytes unless smfi_setmaxdatasize is called.
    content = HEAD + b"X-Long: " + b"a" * size + b"\r\n\r\nhello\r\n"
    with miltermta.Connection(service.address) as connection:
        played = miltermta.play(connection, miltermta.Submission(content))
        assert played.answer.kind is miltermta.Kind.ACCEPT
        again = miltermta.Submission(HEAD + b"\r\nhello\r\n")
        assert miltermta.play(connection, again, same_session=True).stage == "eom"


def test_ten_thousand_fields(mta: PrivatePostfix, sink: SmtpSink) -> None:
    fields = b"".join(b"X-Field-%d: %d\r\n" % (number, number) for number in range(10_000))
    forged = b"X-Spam-Flag: NO\r\nAuthentication-Results: mx.example.net; dmarc=pass\r\n"
    delivery = scanned(mta, sink, fields + forged + HEAD + b"\r\nhello\r\n")
    assert delivery.fields("X-Field-9999") == ["9999"]
    (status,) = delivery.fields("X-Spam-Status")
    assert "too-many-fields" in status
    assert "FROM_MISSING" not in status
    assert "NO" not in delivery.fields("X-Spam-Flag")
    assert len(delivery.fields("Authentication-Results")) == 1


def test_ten_thousand_parts(mta: PrivatePostfix, sink: SmtpSink) -> None:
    part = b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    head = HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    delivery = scanned(mta, sink, head + part * 10_000 + b"--x--\r\n")
    assert "marks=" in delivery.fields("X-Spam-Status")[0]


def test_two_hundred_levels(mta: PrivatePostfix, sink: SmtpSink) -> None:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth)
        for depth in range(200)
    )
    content = (
        HEAD + b"MIME-Version: 1.0\r\n" + opened + b"Content-Type: text/plain\r\n\r\nx\r\n"
    )
    delivery = scanned(mta, sink, content)
    assert "marks=" in delivery.fields("X-Spam-Status")[0]


def test_larger_than_what_is_scanned(mta: PrivatePostfix, sink: SmtpSink) -> None:
    line = b"The quick brown fox jumps over the lazy dog, and then again.\r\n"
    delivery = scanned(mta, sink, HEAD + b"\r\n" + line * (25_000_000 // len(line)))
    assert "oversize" in delivery.fields("X-Spam-Status")[0]
    assert len(delivery.content) > 24_900_000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\r\n", id="no-header"),
        pytest.param(b"no header at all\r\n\r\nbody\r\n", id="no-field"),
        pytest.param(b"Subject: \xff\xfe\x80\r\n\r\n\x80\x81\r\n", id="bytes-not-utf8"),
        pytest.param(HEAD + b"From: bob@example.com\r\n\r\nx\r\n", id="two-authors"),
        pytest.param(b"Subject:" + b"\r\n\t" * 500 + b"x\r\n\r\nx\r\n", id="folds-of-nothing"),
        pytest.param(
            HEAD + b"Content-Type: text/html; charset=utf-7\r\n\r\n" + b"<" * 200_000 + b"\r\n",
            id="unclosed-html",
        ),
        pytest.param(
            HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=!*\r\n" * 5_000,
            id="no-base64",
        ),
    ],
)
def test_malformed(mta: PrivatePostfix, sink: SmtpSink, content: bytes) -> None:
    scanned(mta, sink, content)
