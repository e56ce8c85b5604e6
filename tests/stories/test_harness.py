"""The harness itself: a real Postfix, a real Sendmail and the protocol client against a trivial milter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.postfix import free_ports, wait_until
from deploy.demo.sink import SmtpSink
from tests.stories.conftest import StartPostfix, StartSendmail
from tests.support import miltermta
from tests.support.redisserver import RedisServer, cluster, sentinel_set
from tests.support.smtp import Client, send, send_all

pytestmark = pytest.mark.story

PROGRAM = Path(__file__).with_name("trivial_milter.py")


def a_mail(subject: str) -> bytes:
    return f"X-Remove: old\r\nSubject: {subject}\r\n\r\nhello\r\n".encode()


class Trivial:
    """The trivial milter as a process on one port."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), f"inet:{self.port}@127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.answers, 20.0, "the trivial milter")
        return process

    def answers(self) -> bool:
        try:
            miltermta.Connection(("127.0.0.1", self.port)).quit()
        except OSError:
            return False
        return True


@pytest.fixture
def trivial() -> Iterator[Trivial]:
    milter = Trivial()
    yield milter
    milter.process.kill()
    milter.process.wait()


def test_postfix_obeys_the_milter(
    sink: SmtpSink, start_postfix: StartPostfix, trivial: Trivial
) -> None:
    mta = start_postfix(sink.port, milters=[f"inet:127.0.0.1:{trivial.port}"])
    client = Client(address="198.51.100.7", name="mail.example.com", login="joe")

    sent = send(mta.port, a_mail("hello"), client=client)
    assert sent.accepted
    (delivery,) = sink.wait(1)
    assert delivery.content.startswith(b"X-Trivial-Top: here\r\n")
    assert delivery.fields("X-Trivial") == [
        "client=198.51.100.7 name=mail.example.com auth_authen=joe daemon_name=mx.example.net"
    ]
    assert delivery.fields("X-Remove") == []

    replies = send(
        mta.port, a_mail("hello"), recipients=("refused@example.net", "later@example.net")
    ).rcpt
    assert [(reply.code, reply.enhanced) for reply in replies] == [
        (550, "5.7.1"),
        (451, "4.7.1"),
    ]
    several = send_all(mta.port, [a_mail("reject this"), a_mail("tempfail this")])
    assert [one.final.code for one in several] == [550, 451]
    assert "refused at the end" in several[0].final.text

    assert send(mta.port, a_mail("hold this")).accepted
    (held,) = mta.queue()
    assert held.queue == "hold"
    assert "X-Trivial-Top: here" in mta.content(held.queue_id)
    mta.release(held.queue_id)
    assert len(sink.wait(2)) == 2


def test_postfix_tells_submission_from_the_border(
    sink: SmtpSink, start_postfix: StartPostfix, trivial: Trivial
) -> None:
    mta = start_postfix(sink.port, milters=[f"inet:127.0.0.1:{trivial.port}"])
    assert send(mta.submission_port, a_mail("hello")).accepted
    (delivery,) = sink.wait(1)
    assert "daemon_name=SUBMISSION" in delivery.fields("X-Trivial")[0]


def test_postfix_filters_what_local_users_hand_in(
    sink: SmtpSink, start_postfix: StartPostfix, trivial: Trivial
) -> None:
    mta = start_postfix(sink.port, non_smtpd_milters=[f"inet:127.0.0.1:{trivial.port}"])
    mta.submit(a_mail("hello"), "root@example.net", "user@example.org")
    (delivery,) = sink.wait(1)
    assert "client=127.0.0.1" in delivery.fields("X-Trivial")[0]


@pytest.mark.parametrize("chroot", [False, True], ids=["plain", "chroot"])
@pytest.mark.parametrize(
    ("default_action", "code"), [("tempfail", 451), ("accept", 250), ("reject", 550)]
)
def test_postfix_falls_back_when_the_milter_dies(
    sink: SmtpSink,
    start_postfix: StartPostfix,
    trivial: Trivial,
    default_action: str,
    code: int,
    chroot: bool,
) -> None:
    milter = f"inet:127.0.0.1:{trivial.port}"
    mta = start_postfix(
        sink.port, milters=[milter], default_action=default_action, chroot=chroot
    )
    assert send(mta.port, a_mail("die")).final.code == code
    assert trivial.process.wait(10) == 9


def test_postfix_keeps_its_queue_when_it_is_killed(
    sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    mta = start_postfix(next_hop=free_ports(1)[0], main={"defer_transports": "relay"})
    assert send(mta.port, a_mail("kept")).accepted
    mta.kill()
    mta.set(relay_transport=f"relay:[127.0.0.1]:{sink.port}", defer_transports="")
    mta.start()
    mta.flush()
    assert len(sink.wait(1)) == 1
    wait_until(lambda: not mta.queue(), 10.0, "the queue to be empty")


def test_sendmail_obeys_the_milter(
    sink: SmtpSink, start_sendmail: StartSendmail, trivial: Trivial
) -> None:
    mta = start_sendmail(sink.port, filters=[f"S=inet:{trivial.port}@127.0.0.1, F=T"])
    assert send(mta.port, a_mail("hello")).accepted
    (delivery,) = sink.wait(1)
    assert delivery.fields("X-Trivial-Top") == ["here"]
    assert delivery.fields("X-Remove") == []
    assert send(mta.port, a_mail("x"), recipients=["refused@example.net"]).rcpt[0].code == 550
    assert send(mta.port, a_mail("reject this")).final.code == 550
    assert send(mta.port, a_mail("tempfail this")).final.code == 451
    assert send(mta.port, a_mail("hold this")).accepted
    assert [one.queue for one in mta.queue()] == ["hold"]
    assert send(mta.port, a_mail("die")).final.code == 451


def test_protocol_client_sees_what_postfix_sees(trivial: Trivial) -> None:
    address = ("127.0.0.1", trivial.port)
    with miltermta.Connection(address) as connection:
        played = miltermta.play(connection, miltermta.Submission(a_mail("hold this")))
        assert played.answer.kind is miltermta.Kind.ACCEPT
        assert miltermta.Quarantine("looks odd") in played.edits
        result = miltermta.edited(a_mail("hold this"), played.edits)
        assert result.startswith(b"X-Trivial-Top: here\r\nSubject: hold this\r\nX-Trivial: ")
        assert result.endswith(b"\r\n\r\nhello\r\n")

        refused = miltermta.Submission(a_mail("x"), recipients=("refused@example.net",))
        played = miltermta.play(connection, refused, same_session=True)
        assert played.stage == "rcpt"
        assert played.answer.text == "550 5.7.1 refused by the trivial milter"

        dying = miltermta.Submission(a_mail("die"))
        with pytest.raises(miltermta.MilterGoneError):
            miltermta.play(connection, dying, same_session=True)


@pytest.mark.redis
@pytest.mark.skipif(not RedisServer.available(), reason="redis-server: not installed")
def test_redis_servers_start_and_end(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        assert server.command("SET", "a", "b") == "+OK\r\n"
        assert server.command("GET", "a") == "$1\r\nb\r\n"
    with cluster(tmp_path) as nodes:
        answers = {node.command("SET", "a", "b")[:6] for node in nodes}
        assert answers == {"+OK\r\n"[:6], "-MOVED"}
    with sentinel_set(tmp_path) as servers:
        servers.primary.stop()
        ask = ("SENTINEL", "get-master-addr-by-name", servers.name)
        wait_until(
            lambda: str(servers.replica.port) in servers.sentinel.command(*ask),
            20.0,
            "failover",
        )
