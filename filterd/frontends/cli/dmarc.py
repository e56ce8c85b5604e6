"""dmarc - `filterd dmarc report|show`: tell the owners of domains what was seen of them (RFC 9990).

Owns:   the commands, handing reports to the smarthost, what is dropped and what is kept for another try.
Exit status: 0 done, 75 some report could not be delivered now and is kept, 2 usage or configuration.
Rules of this file:
1. Results are dropped when their report has been taken by every destination, when nobody may have it, or
   when they are older than `keep`; never because something failed.
2. Any number of machines that share a store may run this at once: who claims a domain's day reports it. A
   destination that has taken a report is remembered, so a run that follows a failure asks the others only.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from filterd.frontends.cli.context import (
    EXIT_OK,
    EXIT_TEMPORARY,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.auth.report import Report, Reporter
    from filterd.auth.seal import Sealing
    from filterd.auth.settings import ReportSettings
    from filterd.core.lookup import Ask
    from filterd.core.stores import DmarcReportStore

DAY = 86400
SMTP_SECONDS = 60.0
DNS_SECONDS = 10.0  # for one report's destinations
GRACE = 600.0  # seconds after midnight UTC in which a clock that is slow may still count for that day
LEASE = 3600.0  # seconds that a run has a domain's day to itself


class Transport(Protocol):
    """What takes a mail (smtplib.SMTP)."""

    def sendmail(self, from_addr: str, to_addrs: list[str], msg: bytes) -> Any: ...


@dataclass
class Delivery:
    """What became of one report."""

    report: Report
    sent: list[str] = field(default_factory=list)
    file: str = ""
    refused: list[str] = field(default_factory=list)  # for good
    waiting: list[str] = field(default_factory=list)  # for another try

    def plain(self) -> dict[str, Any]:
        return {
            "domain": self.report.domain,
            "begin": self.report.begin,
            "messages": self.report.messages,
            "sent": self.sent,
            "file": self.file,
            "refused": self.refused,
            "waiting": self.waiting,
        }


@click.group()
def dmarc() -> None:
    """Report DMARC results to the owners of domains."""


@dmarc.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the reports into this directory.",
)
@click.option(
    "--send/--no-send", default=None, help="Mail them; default as dmarc_reports.mailer."
)
@click.option("--today", is_flag=True, help="Take in the day that is not over yet (a trial).")
@click.option("--domain", default="", help="This policy domain only.")
@click.option(
    "--zone",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Answer DNS from this zone file (see ZONE FILES in filterd(1)) and from nothing else.",
)
@json_option
@pass_context
def report(
    context: Context,
    out: Path | None,
    send: bool | None,
    today: bool,
    domain: str,
    zone: Path | None,
    as_json: bool,
) -> int:
    """Make a report for every domain and day that has results, and mail it to who asks for it.

    Meant to run once a day, a quarter of an hour after midnight UTC. Without --out and with mailing
    switched off nothing is dropped: the reports are only counted. Machines that share a Redis count
    together: it may run on each of them, and each report is made by one.
    """
    from filterd.auth.report import Reporter
    from filterd.auth.seal import Sealing
    from filterd.core.clock import SystemClock

    settings = context.settings
    wishes = settings.dmarc_reports
    if not wishes.address.rpartition("@")[2]:
        fail("dmarc_reports.address is not set: reports have no sender")
    does_send = wishes.mailer == "smtp" if send is None else send
    now = SystemClock().now()
    text = zone.read_text("utf-8", "surrogateescape") if zone is not None else None
    with (
        context.app.open_reports(settings) as store,
        context.app.open_resolver(settings, zone=text) as resolver,
        transport(wishes.smarthost if does_send else "") as mailer,
    ):

        def ask(question: Any) -> Any:
            return resolver.ask(question, SystemClock().monotonic() + DNS_SECONDS)

        run = Run(
            store=store,
            reporter=Reporter(wishes.address, wishes.organization, wishes.contact),
            settings=wishes,
            sealing=Sealing.load(settings.signing),
            ask=ask,
            mailer=mailer,
            out=out,
            now=now,
        )
        store.drop(int((now - wishes.keep) // DAY) - 1)
        deliveries: list[Delivery] = []
        for day in store.days():
            is_over = day * DAY + DAY + GRACE <= now
            if is_over or today:
                deliveries.extend(run.deliver_day(day, domain, is_over=is_over))
    if as_json:
        print_json([delivery.plain() for delivery in deliveries], indent=2)
    else:
        _show(deliveries)
    return EXIT_TEMPORARY if any(delivery.waiting for delivery in deliveries) else EXIT_OK


@dataclass
class Run:
    """One run of `dmarc report`."""

    store: DmarcReportStore
    reporter: Reporter
    settings: ReportSettings
    sealing: Sealing
    ask: Ask
    mailer: Transport | None
    out: Path | None
    now: float

    def deliver_day(self, day: int, domain: str, *, is_over: bool) -> Iterator[Delivery]:
        """Deliver the reports of one day, of one domain only where it is named; drop what is done."""
        from filterd.auth.report import collect

        reports = collect(day, self.store.results(day))
        for name, of_domain in groupby(reports, key=lambda one: one.domain):
            if domain and name != domain.lower():
                continue
            if not self.store.claim(day, name, self.now, LEASE):
                continue  # another run is at it
            found = [self.deliver(one, is_over=is_over) for one in of_domain]
            yield from found
            has_left = self.out is not None or self.mailer is not None
            if is_over and has_left and not any(delivery.waiting for delivery in found):
                self.store.drop(day, name)
            else:
                self.store.hold(day, name, self.now, 0)

    def deliver(self, report: Report, *, is_over: bool) -> Delivery:
        """Write and mail one report."""
        from filterd.auth.report import compress

        delivery = Delivery(report)
        content = compress(report.xml(self.reporter))
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / report.filename(self.reporter)
            path.write_bytes(content)
            delivery.file = str(path)
        if self.mailer is not None:
            self._mail(delivery, content, self.mailer, is_over=is_over)
        return delivery

    def _mail(
        self, delivery: Delivery, content: bytes, mailer: Transport, *, is_over: bool
    ) -> None:
        from filterd.auth.destination import destinations
        from filterd.auth.report import compose

        report = delivery.report
        day = report.begin // DAY
        if len(content) > self.settings.max_bytes:
            delivery.refused.append(f"{len(content)} bytes, more than max_bytes")
            return
        for target in destinations(report.domain, report.record, self.ask):
            if not target.mailbox:
                kept = delivery.waiting if target.is_temporary else delivery.refused
                kept.append(f"{target.uri}: {target.refusal}")
                continue
            taken = f"{report.unique_id()} {target.mailbox}"
            if not self.store.claim(day, taken, self.now, LEASE):
                continue  # an earlier run, which could not reach all, has sent it there
            raw = self._signed(
                compose(report, content, self.reporter, [target.mailbox], self.now)
            )
            remember = 0.0
            try:
                mailer.sendmail(self.reporter.address, [target.mailbox], raw)
                delivery.sent.append(target.mailbox)
                remember = self.settings.keep + 2 * DAY if is_over else 0.0
            except smtplib.SMTPRecipientsRefused as error:
                code, text = next(iter(error.recipients.values()))
                kept = delivery.refused if code >= 500 else delivery.waiting
                kept.append(f"{target.mailbox}: {code} {text.decode('ascii', 'replace')}")
            except (smtplib.SMTPException, OSError) as error:
                delivery.waiting.append(f"{target.mailbox}: {error}")
            self.store.hold(day, taken, self.now, remember)

    def _signed(self, raw: bytes) -> bytes:
        """The mail with our signatures: reports must pass DMARC themselves (RFC 9990 3.5.3)."""
        from filterd.mail.message import Message

        message = Message.from_bytes(raw)
        fields = self.sealing.fields(message, is_ours=True, account="", now=self.now)
        lines = [f"{f.name}: {f.value}\r\n".replace("\n\t", "\r\n\t") for f in fields]
        return "".join(reversed(lines)).encode("ascii") + raw


@contextmanager
def transport(smarthost: str) -> Iterator[smtplib.SMTP | None]:
    """A session with the smarthost, with TLS where it is offered; None where there is none."""
    if not smarthost:
        yield None
        return
    host, _, port = smarthost.rpartition(":")
    try:
        session = smtplib.SMTP(host.strip("[]"), int(port), timeout=SMTP_SECONDS)
        session.ehlo()
        if session.has_extn("starttls"):
            session.starttls()
            session.ehlo()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        fail(f"{smarthost} takes no mail: {error}", EXIT_TEMPORARY)
    with session:
        yield session


def _show(deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        report = delivery.report
        console().print(
            f"[bold]{report.domain}[/] {report.messages} messages, {len(report.rows)} records"
        )
        for mailbox in delivery.sent:
            console().print(f"  [green]sent[/] {mailbox}")
        if delivery.file:
            console().print(f"  [green]written[/] {delivery.file}")
        for text in delivery.refused:
            console().print(f"  [yellow]not sent[/] {text}")
        for text in delivery.waiting:
            console().print(f"  [red]kept for another try[/] {text}")
    if not deliveries:
        click.echo("nothing to report")
