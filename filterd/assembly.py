"""assembly - one reading of the settings, made into everything that a scan needs.

Owns:   Assembly (rules, plan, model of one generation), its scanner, the why-ids.
Rules of this file: what workers share (rules, model, plan) is made before the fork; what holds a
        descriptor or a thread (DNS, stores, metrics) opens after it.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from filterd.auth.seal import Sealing
from filterd.checks import dnsbl, domainlist
from filterd.checks.catalogue import ALL
from filterd.classify import hashing, open_classifier
from filterd.classify.home import LiveClassifier
from filterd.config.settings import FilterSettings
from filterd.core.check import Services
from filterd.core.clock import Clock, SystemClock
from filterd.core.errors import ConfigProblem
from filterd.core.lookup import NXDOMAIN, Answer, Question, Resolver, ZoneHealth, tempfail
from filterd.core.stores import DmarcReportStore
from filterd.dns.dnslist import DnsList
from filterd.mail import suffix
from filterd.ruleset import RuleSet
from filterd.ruleset import load as load_rules
from filterd.ruleset.engine import forget
from filterd.scan.scanner import Observer, Scanner, ignore, resolve_profiles
from filterd.scan.schedule import Plan, plan
from filterd.scan.score import ScoreTable
from filterd.scan.submit import submission
from filterd.store import Stores

_WHY_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0/O, 1/I: people read it aloud
# A message that gives every part of a scan something to do.
_WARM = """\
Received: from client.example.com (client.example.com [198.51.100.7])
 by mail.example.org (Postfix) with ESMTPS id 4AAAAA1
 for <ann@example.net>; Mon, 01 Jan 2024 00:00:00 +0000 (UTC)
DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; c=relaxed/relaxed; h=from:subject; bh=AAAA; b=AAAA
Authentication-Results: mail.example.org; spf=pass smtp.mailfrom=example.org
From: =?utf-8?q?Ann_Ex=C3=A4mple?= <ann@example.org>
To: ann@example.net
Subject: Re: =?utf-8?b?w6RiYw==?= your order
Date: Mon, 01 Jan 2024 00:00:00 +0000
Message-ID: <1@example.org>
In-Reply-To: <0@example.net>
List-Id: <list.example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{text}
http://www.example.com/path?to=1 http://b\u00fccher.example/
--a
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<html><head><style>p {{ color: red }}</style></head><body><p style=3D"display:none">x</p>
<p>{html}</p><a href=3D"http://www.example.com/a">http://www.example.org/</a>
<img src=3D"http://www.example.com/i.png" width=3D1></body></html>
--a--
--m
Content-Type: text/plain
Content-Transfer-Encoding: base64

8NLJ18XULCD91M8g0MnT2M3PIM7JIM7BIMvBy8/NINHa2cvFLg==
--m
Content-Type: application/zip; name="a.zip"
Content-Transfer-Encoding: base64

UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==
--m--
"""
_WARM_CHARS = 50_000  # of the rules' examples in it
_WHY_LENGTH = 10  # 50 bits: a million verdicts collide with a chance of 1 in 2,000


def new_why_id() -> str:
    """A short id that a person can quote: reply text, log line, `filterd why`."""
    return "".join([_WHY_ALPHABET[byte & 31] for byte in secrets.token_bytes(_WHY_LENGTH)])


class NoDns:
    """A resolver for scans without DNS: nothing is known, and nothing fails."""

    def ask(self, question: Question, deadline: float) -> Answer:
        return tempfail("no DNS")

    def prefetch(self, questions: object) -> None:
        """Nothing to send."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Assembly:
    """What one reading of the settings makes, before any fork."""

    settings: FilterSettings
    rules: RuleSet
    plan: Plan
    classifier: LiveClassifier | None
    sealing: Sealing
    model: str = "none"  # what `classifier` answers with, for people
    problems: tuple[ConfigProblem, ...] = ()  # of what the filter can go on without

    @classmethod
    def of(cls, settings: FilterSettings) -> Assembly:
        """Compile and load everything; ConfigError with every problem of settings and rules."""
        suffix.load()  # 100 ms, better once than in each worker
        checks = plan(ALL, settings.check_settings)
        rules = load_rules(settings.rules)
        classifier = open_classifier(settings.classifier, settings.state_dir)
        problems = classifier.problems if classifier is not None else ()
        sealing = Sealing.load(settings.signing)
        model = classifier.summary if classifier is not None else "none"
        return cls(settings, rules, checks, classifier, sealing, model, problems)

    def warm(self) -> None:
        """Scan one message before the fork: what the first one makes is then there, and shared.

        It takes 87 ms, a second one of its size 38: the first message of each worker was so much later.
        What each process writes to all the time is no such thing: engines of patterns, scratch memory.
        """
        scanner = self.scanner(resolver=NoDns(), stores=None, clock=SystemClock())
        examples = [
            example.text
            for rule in self.rules.declared.rules.values()
            for example in (*rule.hit, *rule.miss)
            if example.message is None
        ]
        text = "\n\n".join(examples)[:_WARM_CHARS]
        raw = _WARM.format(
            text=text, html=text.replace("&", "&amp;").replace("<", "&lt;")
        ).encode()
        scanner.scan(
            submission(
                raw,
                client="192.0.2.1",
                client_name="mail.example.org",
                helo="mail.example.org",
                mail_from="list-bounces@example.org",
                recipients=("ann@example.net",),
            )
        )
        forget(self.rules.program.engines())
        hashing.scratch.cache_clear()

    @cached_property
    def summary(self) -> str:
        return f"{len(self.plan.checks)} checks, {self.rules.summary}"

    def dns_lists(self) -> tuple[DnsList, ...]:
        """The DNS lists that the enabled checks ask."""
        return tuple(
            each
            for check in self.plan.checks
            if isinstance(
                settings := self.plan.settings[check.name], dnsbl.Settings | domainlist.Settings
            )
            for each in settings.asked
        )

    def scanner(
        self,
        *,
        resolver: Resolver,
        stores: Stores | None,
        clock: Clock,
        reports: DmarcReportStore | None = None,
        zones: ZoneHealth | None = None,
        observe: Observer = ignore,
        new_id: Callable[[], str] = new_why_id,
    ) -> Scanner:
        """The scanner of one process."""
        settings = self.settings
        table = ScoreTable(self.rules.scores, self.rules.groups)
        services = Services(
            ask=lambda _question: NXDOMAIN,  # each conversation binds its own
            clock=clock,
            greylist=stores.greylist if stores else None,
            rates=stores.rates if stores else None,
            correspondents=stores.correspondents if stores else None,
            traps=stores.traps if stores else None,
            state=stores.distant if stores else None,
            reports=reports,
            rules=self.rules,
            classifier=self.classifier,
            zones=zones,
            points=table.points,
        )
        return Scanner(
            profiles=resolve_profiles(self.plan, settings.thresholds, settings.profiles),
            services=services,
            resolver=resolver,
            table=table,
            clock=clock,
            new_id=new_id,
            settings=settings.scan,
            fields=settings.fields,
            local_networks=settings.local_networks,
            trusted_networks=settings.trusted_networks,
            host_name=socket.getfqdn(),
            configured_authserv_id=settings.authserv_id,
            is_observing=settings.mode == "observe",
            observe=observe,
            sealing=self.sealing if self.sealing.signers else None,
        )
