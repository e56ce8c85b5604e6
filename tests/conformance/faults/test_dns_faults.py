"""Every DNS answer in turn replaced by a fault: the result says temperror or permerror as the RFCs do, in time.

One message is authenticated (SPF for both identities, iprev, DKIM, DMARC) through the real resolver against a
nameserver on loopback that fails for exactly one question. RFC 7208 4.4, 5, 5.5; RFC 8601 3; RFC 6376 6.1.2; RFC
9989 5.3.6.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from filterd.checks import dkim, dmarc, iprev, spf
from filterd.core.check import Services
from filterd.core.clock import FixedClock
from filterd.core.evidence import AuthResult
from filterd.core.lookup import Answer, Question
from filterd.dns.cache import Cache
from filterd.dns.stub import Stub
from tests.support.builders import a_transaction
from tests.support.nameserver import Nameserver
from tests.support.signing import rsa_record, signed

PATIENCE = 5.0  # seconds for a question that is going to be answered, on however busy a machine
IMPATIENCE = 0.15  # seconds for one that is not
DEADLINE = 20.0  # of the scan
CLIENT = "192.0.2.1"
PTR = "1.2.0.192.in-addr.arpa"
ZONE = f"""
example.org TXT "v=spf1 include:inc.example.net mx:mx.example.net a:host.example.net ptr -all"
inc.example.net TXT "v=spf1 ip4:203.0.113.0/24 -all"
mx.example.net MX 10 one.mx.example.net
one.mx.example.net A 203.0.113.1
host.example.net A {CLIENT}
mail.example.org TXT "v=spf1 a -all"
mail.example.org A {CLIENT}
{PTR} PTR mail.example.org
_dmarc.example.org TXT "v=DMARC1; p=reject"
s._domainkey.example.org TXT "{rsa_record()}"
"""
MESSAGE = signed(b"From: joe@example.org\r\nSubject: hello\r\n\r\nhello\r\n")

GOOD = {
    "helo": "pass",
    "mailfrom": "pass",
    "iprev": "pass",
    "dkim": "pass",
    "dmarc": "pass",
}

# Question -> the results that hang on it. DMARC has another leg to stand on where one fails.
HANG_ON = {
    "mail.example.org TXT": {"helo"},
    "mail.example.org A": {"helo", "iprev"},
    "example.org TXT": {"mailfrom"},
    "inc.example.net TXT": {"mailfrom"},
    "mx.example.net MX": {"mailfrom"},
    "one.mx.example.net A": {"mailfrom"},
    "host.example.net A": {"mailfrom"},
    f"{PTR} PTR": {"iprev"},
    "_dmarc.example.org TXT": {"dmarc"},
    "s._domainkey.example.org TXT": {"dkim"},
    "_dmarc.org TXT": set(),  # RFC 9989 4.10: the walk goes on; the policy has been found by then
}
SILENT = ("drop", "wrong-id", "wrong-question")  # nothing comes that is a reply
TEMPORARY = (*SILENT, "servfail", "refused", "garbage", "half", "loop", "truncate-always")


@dataclass
class Scene:
    """The nameserver and the question it fails for."""

    server: Nameserver
    target: str = ""
    fault: str = ""
    asked: list[str] = field(default_factory=list)

    def at(self, name: str, kind: str) -> str:
        return self.fault if f"{name} {kind}" == self.target else ""

    def results(self, target: str = "", fault: str = "") -> dict[str, str]:
        """The result of each method, and no more time than the deadline."""
        self.target, self.fault = target, fault
        resolver = Cache(stub(self.server.address, PATIENCE))
        hasty = Cache(stub(self.server.address, IMPATIENCE))
        started = time.monotonic()

        def ask(question: Question) -> Answer:
            asked = f"{question.name} {question.rrtype.name}"
            self.asked.append(asked)
            is_silent = asked == target and fault in SILENT
            return (hasty if is_silent else resolver).ask(question, started + DEADLINE)

        tx = a_transaction(
            client=CLIENT, helo="mail.example.org", mail_from="joe@example.org", message=MESSAGE
        )
        services = Services(ask=ask, clock=FixedClock())
        found: dict[str, str] = {}
        try:
            for check in (iprev.CHECK, spf.CHECK, dkim.CHECK, dmarc.CHECK):
                resolver.prefetch(check.questions(tx, check.settings()))
            for check in (iprev.CHECK, spf.CHECK, dkim.CHECK, dmarc.CHECK):
                for item in check.run(tx, check.settings(), services):
                    tx.evidence.append(item)
                    if isinstance(item, AuthResult):
                        names = [p.name for p in item.properties if p.ptype == "smtp"]
                        found[names[0] if names else item.method] = item.result
        finally:
            resolver.close()
            hasty.close()
        assert time.monotonic() - started < DEADLINE
        return found


def stub(server: tuple[str, int], budget: float) -> Stub:
    return Stub([server], budget=budget, retransmit=budget / 2)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    scenes: list[Scene] = []
    with Nameserver(ZONE, fault=lambda name, kind: scenes[0].at(name, kind)) as server:
        scenes.append(Scene(server))
        yield scenes[0]


def test_everything_passes_without_a_fault(scene: Scene) -> None:
    scene.asked.clear()
    assert scene.results() == GOOD
    assert set(HANG_ON) <= set(scene.asked)
    assert {each for each in scene.asked if each not in HANG_ON} == set()


@pytest.mark.parametrize("fault", TEMPORARY)
@pytest.mark.parametrize("target", HANG_ON)
def test_unanswered_question_is_a_temporary_error(
    scene: Scene, target: str, fault: str
) -> None:
    expected = dict.fromkeys(HANG_ON[target], "temperror")
    assert scene.results(target, fault) == GOOD | expected


@pytest.mark.parametrize("target", HANG_ON)
def test_truncated_answer_is_fetched_whole(scene: Scene, target: str) -> None:
    assert scene.results(target, "truncate") == GOOD


# A 64-kB answer: a TXT record without meaning, or no record of the type that was asked for.
HUGE = {
    "mail.example.org TXT": {"helo": "none"},
    "mail.example.org A": {"helo": "fail", "iprev": "fail"},
    "example.org TXT": {"mailfrom": "none"},
    "inc.example.net TXT": {"mailfrom": "permerror"},  # RFC 7208 5.2: no record to include
    "mx.example.net MX": {},
    "one.mx.example.net A": {},
    "host.example.net A": {},  # ptr still fits
    f"{PTR} PTR": {"iprev": "permerror"},
    "_dmarc.example.org TXT": {"dmarc": "none"},
    "s._domainkey.example.org TXT": {"dkim": "permerror"},
    "_dmarc.org TXT": {},
}


@pytest.mark.parametrize(("target", "changed"), HUGE.items(), ids=HUGE)
def test_huge_answer_is_read_and_found_wanting(
    scene: Scene, target: str, changed: dict[str, str]
) -> None:
    assert scene.results(target, "huge") == GOOD | changed


def test_nameserver_that_says_nothing_at_all_ends_in_time(scene: Scene) -> None:
    resolver = Cache(stub(("127.0.0.1", 9), IMPATIENCE))
    services = Services(
        ask=lambda question: resolver.ask(question, time.monotonic() + DEADLINE),
        clock=FixedClock(),
    )
    tx = a_transaction(client=CLIENT, helo="mail.example.org", message=MESSAGE)
    results = [
        item.result
        for check in (iprev.CHECK, spf.CHECK, dkim.CHECK)
        for item in check.run(tx, check.settings(), services)
        if isinstance(item, AuthResult)
    ]
    resolver.close()
    assert results == ["temperror"] * 4
