"""Every verdict through both MTAs: what the client hears, what is delivered, what is held.

Clients come from loopback, because Sendmail has no XCLIENT; the service is told that loopback is not local.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import PrivatePostfix, wait_until
from deploy.demo.service import Service
from deploy.demo.sink import Delivery, SmtpSink
from tests.stories.conftest import available
from tests.support.sendmail import PrivateSendmail
from tests.support.smtp import Reply, Sent, dial, send, send_all, transact

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
NAME = "mx.example.net"
WHY = re.compile(r"\b[2-9A-HJ-NP-Z]{10}\b")
ZONE = """\
example.org. TXT "v=spf1 ip4:127.0.0.0/8 -all"
mail.example.org. A 127.0.0.1
_dmarc.bank.example. TXT "v=DMARC1; p=reject"
bank.example. TXT "v=spf1 ip4:192.0.2.99 -all"
"""
# Loopback is the world here; nobody is local.
WORLD: Mapping[str, object] = {
    "local_networks": ["192.0.2.250/32"],
    "checks.greylist.enabled": False,
    "checks.tarpit.enabled": False,
}


@dataclass
class Chain:
    """One MTA, the service behind it, and the last hop."""

    mta: PrivatePostfix | PrivateSendmail
    service: Service
    sink: SmtpSink

    @property
    def port(self) -> int:
        return self.mta.port

    def last(self, count: int = 1) -> Delivery:
        """The newest delivery once there are `count`."""
        deliveries = self.sink.wait(count)
        assert len(deliveries) == count
        return deliveries[-1]


StartChain = Callable[..., Chain]


def started(stack: contextlib.ExitStack, kind: str, settings: Mapping[str, object]) -> Chain:
    """A running chain of that kind of MTA, ended with the stack."""
    sink = stack.enter_context(SmtpSink())
    nameserver = stack.enter_context(Nameserver(ZONE))
    service = Service({**WORLD, **settings}, nameserver=nameserver.address)
    mta: PrivatePostfix | PrivateSendmail
    if kind == "postfix":
        mta = available(PrivatePostfix, sink.port, milters=[service.postfix], name=NAME)
    else:
        equates = f"S={service.sendmail}, F=T, T=C:10s;S:20s;R:20s;E:60s"
        mta = available(PrivateSendmail, sink.port, filters=[equates], name=NAME)
    stack.callback(mta.close)  # its folder is there already, even if the service does not start
    stack.enter_context(service)
    stack.enter_context(mta)
    return Chain(mta, service, sink)


@pytest.fixture(scope="module", params=["postfix", "sendmail"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def common(kind: str) -> Iterator[Chain]:
    with contextlib.ExitStack() as stack:
        yield started(stack, kind, {})


@pytest.fixture
def chain(common: Chain) -> Chain:
    """The chain with plain settings, which all tests of the module share, with nothing in it."""
    wait_until(lambda: not common.mta.queue(), 20.0, "the queue to be empty")
    common.sink.clear()
    return common


@pytest.fixture
def start(kind: str) -> Iterator[StartChain]:
    """`start({"mode": "observe"})`: a chain of the test's own, with those settings."""
    with contextlib.ExitStack() as stack:
        yield lambda settings: started(stack, kind, settings)


def a_mail(subject: str = "minutes", *fields: str, body: bytes = b"As agreed.\r\n") -> bytes:
    lines = (
        *fields,
        "From: Alice Example <alice@example.org>",
        "To: user@example.net",
        f"Subject: {subject}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        "Message-ID: <1@example.org>",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def post(chain: Chain, content: bytes, *recipients: str) -> Sent:
    return send(
        chain.port,
        content,
        reverse_path="alice@example.org",
        recipients=recipients or ("user@example.net",),
    )


def is_refusal(reply: Reply | None) -> bool:
    return reply is not None and reply.code == 550 and reply.enhanced.startswith("5.7.")


def test_wanted_mail_is_accepted_with_its_results_on_top(chain: Chain) -> None:
    assert post(chain, a_mail()).accepted
    delivery = chain.last()
    assert delivery.content.startswith(f"Authentication-Results: {NAME};".encode())
    (results,) = delivery.fields("Authentication-Results")
    assert "spf=pass" in results
    (status,) = delivery.fields("X-Spam-Status")
    assert status.startswith("No, score=")
    assert delivery.fields("X-Spam-Flag") == []
    assert delivery.content.endswith(b"\r\n\r\nAs agreed.\r\n")


def test_forged_results_and_verdicts_are_removed_and_others_kept(chain: Chain) -> None:
    forged = (
        f"Authentication-Results: {NAME}; spf=pass smtp.mailfrom=bank.example",
        "Authentication-Results: other.example; dkim=pass header.d=example.org",
        f"Authentication-Results: {NAME.upper()} 1; dmarc=pass header.from=bank.example",
        "X-Spam-Flag: NO",
        "X-Spam-Status: No, score=-100 forged",
        "X-Spam-Score: -100",
        "X-Spam-Level: none",
        "X-Spam-Report: kept",
    )
    assert post(chain, a_mail("forged", *forged)).accepted
    delivery = chain.last()
    ours, theirs = delivery.fields("Authentication-Results")
    assert ours.startswith(f"{NAME};")
    assert "bank.example" not in ours
    assert theirs.startswith("other.example;")
    assert len(delivery.fields("X-Spam-Status")) == 1
    assert b"-100" not in delivery.content
    assert delivery.fields("X-Spam-Flag") == []
    assert delivery.fields("X-Spam-Report") == ["kept"]


def test_gtube_is_refused_at_the_end_with_a_why_id_that_the_log_knows(
    chain: Chain,
) -> None:
    sent = post(chain, a_mail("test", body=GTUBE + b"\r\n"))
    assert is_refusal(sent.end)
    why = WHY.search(sent.final.text)
    assert why is not None, sent.final.text
    wait_until(lambda: why.group() in chain.service.log(), 10.0, "the line of the log")
    assert chain.sink.deliveries == ()
    assert chain.mta.queue() == []


def test_a_forged_author_under_a_policy_of_reject_is_refused(chain: Chain) -> None:
    content = a_mail().replace(b"alice@example.org>\r\n", b"billing@bank.example>\r\n", 1)
    assert is_refusal(post(chain, content).end)


def test_a_stranger_is_deferred_at_rcpt_and_passes_on_retry(start: StartChain) -> None:
    chain = start(
        {
            "checks.greylist.enabled": True,
            "checks.greylist.when": "always",
            "checks.greylist.delay": 1,
        }
    )
    # alice has SPF, so her deliveries are judged at the end; bob proves nothing
    path = "bob@nospf.example"
    first = send(chain.port, a_mail(), reverse_path=path)
    assert [(reply.code, reply.enhanced) for reply in first.rcpt] == [(451, "4.7.1")]
    assert first.end is None

    def retried() -> bool:
        return send(chain.port, a_mail(), reverse_path=path).accepted

    wait_until(retried, 20.0, "the retry to pass")
    assert len(chain.sink.wait(1)) == 1


def test_recipients_that_never_wait_get_their_mail_at_once(start: StartChain) -> None:
    chain = start({"checks.greylist.enabled": True, "checks.greylist.when": "always"})
    sent = send(
        chain.port,
        a_mail(),
        reverse_path="bob@nospf.example",
        recipients=("user@example.net", "postmaster@example.net"),
    )
    assert [reply.code for reply in sent.rcpt] == [451, 250]
    assert sent.accepted
    assert chain.last().recipients == ("postmaster@example.net",)


def test_quarantine_holds_the_message(start: StartChain) -> None:
    chain = start({"checks.dmarc.reject": "quarantine", "thresholds.reject": 0})
    content = a_mail().replace(b"alice@example.org>\r\n", b"billing@bank.example>\r\n", 1)
    assert post(chain, content).accepted
    (held,) = chain.mta.queue()
    assert held.queue == "hold"
    assert chain.sink.deliveries == ()


def test_messages_of_one_connection_are_judged_apart(chain: Chain) -> None:
    contents = [a_mail(), a_mail(body=GTUBE), a_mail("again"), a_mail(body=GTUBE), a_mail()]
    sent = send_all(chain.port, contents, reverse_path="alice@example.org")
    assert [one.final.code for one in sent] == [250, 550, 250, 550, 250]
    deliveries = chain.sink.wait(3)
    assert [one.fields("Subject")[0] for one in deliveries] == ["minutes", "again", "minutes"]
    assert len({one.fields("X-Spam-Status")[0].partition("why=")[2] for one in deliveries}) == 3


def test_several_recipients_get_one_message(chain: Chain) -> None:
    recipients = tuple(f"user{number}@example.net" for number in range(30))
    assert post(chain, a_mail(), *recipients).accepted
    wait_until(
        lambda: {one for d in chain.sink.deliveries for one in d.recipients} == set(recipients),
        20.0,
        "all recipients",
    )
    assert len({one.fields("X-Spam-Status")[0] for one in chain.sink.deliveries}) == 1


def test_an_aborted_transaction_leaves_nothing_behind(chain: Chain) -> None:
    session = dial(chain.port)
    session.docmd("MAIL", "FROM:<mallory@bank.example>")
    session.docmd("RCPT", "TO:<first@example.net>")
    session.docmd("RSET")
    session.docmd("MAIL", "FROM:<mallory@bank.example>")
    session.docmd("RSET")
    assert transact(session, a_mail(), "alice@example.org", ["user@example.net"]).accepted
    session.quit()
    delivery = chain.last()
    assert delivery.recipients == ("user@example.net",)
    assert "bank.example" not in delivery.fields("Authentication-Results")[0]


def test_a_client_gone_mid_message_leaves_nothing_behind(chain: Chain) -> None:
    workers = sorted(chain.service.workers())
    for _ in range(5):
        session = dial(chain.port)
        session.docmd("MAIL", "FROM:<alice@example.org>")
        session.docmd("RCPT", "TO:<user@example.net>")
        session.docmd("DATA")
        session.send(a_mail()[:100])
        session.close()
    assert post(chain, a_mail("whole")).accepted
    assert chain.last().fields("Subject") == ["whole"]
    assert sorted(chain.service.workers()) == workers


def test_observing_alters_nothing_and_says_what_it_would_do(start: StartChain) -> None:
    chain = start({"mode": "observe"})
    assert post(chain, a_mail("test", "X-Spam-Flag: YES", body=GTUBE + b"\r\n")).accepted
    delivery = chain.last()
    assert delivery.fields("X-Filterd-Would")[0].startswith("action=reject")
    assert delivery.fields("X-Spam-Flag") == ["YES"]
    assert delivery.fields("Authentication-Results") == []


def test_a_filter_that_is_away_defers_the_mail(start: StartChain) -> None:
    chain = start({})
    chain.service.stop()
    sent = post(chain, a_mail())
    assert sent.final.code in {421, 451}
    chain.service.start()
    assert post(chain, a_mail()).accepted
