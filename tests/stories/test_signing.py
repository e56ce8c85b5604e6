"""Mail of our own leaves a real MTA with signatures that verify; mail of others leaves with a seal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import PrivatePostfix
from deploy.demo.service import Service
from deploy.demo.sink import SmtpSink
from filterd.auth import arc, dkim
from filterd.auth.keyfile import Signer, published, to_pem, zone_line
from filterd.core.clock import SystemClock
from filterd.mail.message import Message
from tests.stories.conftest import available
from tests.support.answers import Records, asking
from tests.support.sendmail import PrivateSendmail
from tests.support.signing import ed25519_key, rsa_key
from tests.support.smtp import send

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

RSA = Signer("example.org", "r", rsa_key())
ED = Signer("example.org", "e", ed25519_key())
KEYS: dict[str, Records] = {signer.name: published(signer) for signer in (RSA, ED)}
SUBJECT = (
    "a subject so long that somebody on its way will surely want to fold it, or so we hope"
)
MAIL = (
    "From: Ann =?utf-8?q?M=C3=BCller?= <ann@example.org>\r\nTo: user@example.net\r\n"
    f"Subject: {SUBJECT}\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n"
    "Message-ID: <story@example.org>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Hello,  world \r\n.leading dot\r\n\r\nGrüße\r\n\r\n\r\n"
).encode()
QUIET = {"checks.greylist.enabled": False, "checks.tarpit.enabled": False}

Start = Callable[[Service, SmtpSink], int]


@pytest.fixture(params=["postfix", "sendmail"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start the MTA with the service behind it; its port."""
    running: list[PrivatePostfix | PrivateSendmail] = []

    def begin(service: Service, sink: SmtpSink) -> int:
        mta: PrivatePostfix | PrivateSendmail
        if request.param == "postfix":
            mta = available(PrivatePostfix, sink.port, milters=[service.postfix])
        else:
            equates = f"S={service.sendmail}, F=T, T=C:10s;S:20s;R:20s;E:60s"
            mta = available(PrivateSendmail, sink.port, filters=[equates])
        mta.__enter__()
        running.append(mta)
        return int(mta.port)

    yield begin
    for mta in running:
        mta.close()


def key_settings(folder: Path) -> list[dict[str, str]]:
    entries = []
    for signer in (RSA, ED):
        path = folder / f"{signer.selector}.pem"
        path.write_bytes(to_pem(signer.key))
        path.chmod(0o600)
        entries.append({"domain": signer.domain, "selector": signer.selector, "key": str(path)})
    return entries


def test_mail_of_our_own_client_is_signed_by_every_key(
    sink: SmtpSink, start: Start, tmp_path: Path
) -> None:
    with Service({**QUIET, "signing.keys": key_settings(tmp_path)}) as service:
        sent = send(start(service, sink), MAIL, reverse_path="ann@example.org")
        assert sent.accepted
        (delivery,) = sink.wait(1)
    message = Message.from_bytes(delivery.content)
    results = dkim.evaluate(message, asking(KEYS), SystemClock().now())
    assert [(r.result, r.reason) for r in results] == [("pass", "")] * 2
    assert {r.get("header.a") for r in results} == {"rsa-sha256", "ed25519-sha256"}


def test_mail_of_others_is_sealed_and_not_signed(
    sink: SmtpSink, start: Start, tmp_path: Path
) -> None:
    settings = {
        **QUIET,
        "local_networks": ["192.0.2.250/32"],
        "authserv_id": "mx.example.net",
        "signing.keys": key_settings(tmp_path),
        "signing.seal_domain": "example.org",
    }
    with (
        Nameserver("\n".join(zone_line(signer) for signer in (RSA, ED))) as nameserver,
        Service(settings, nameserver=nameserver.address) as service,
    ):
        port = start(service, sink)
        assert send(port, MAIL, reverse_path="ann@example.org").accepted
        (first,) = sink.wait(1)
        assert first.fields("DKIM-Signature") == []
        once = arc.evaluate(Message.from_bytes(first.content), asking(KEYS))
        assert (once.result, once.reason, len(once.sets)) == ("pass", "", 1)
        # the same message comes by again, as from a forwarder: the chain grows
        assert send(port, first.content, reverse_path="list@example.com").accepted
        _, second = sink.wait(2)
    twice = arc.evaluate(Message.from_bytes(second.content), asking(KEYS))
    assert (twice.result, twice.reason, len(twice.sets)) == ("pass", "", 2)
    assert arc.reported(twice.sets[1].account, "arc") == "pass"
