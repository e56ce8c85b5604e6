"""dmarc - `filterd dmarc report|show`: tell the owners of domains what was seen of them (RFC 9990).

Owns:   the commands, handing reports to the smarthost, what is dropped and what is kept for another try.
Exit status: 0 done, 75 some report could not be delivered now and is kept, 2 usage or configuration.
Rules of this file: results are dropped when their report has been taken by every destination, when nobody
        may have it, or when they are older than `keep`; never because something failed.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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

DAY = 86400
SMTP_SECONDS = 60.0
DNS_SECONDS = 10.0  # for one report's destinations


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

    Meant to run once a day, soon after midnight UTC. Without --out and with mailing switched off
    nothing is dropped: the reports are only counted.
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
            reporter=Reporter(wishes.address, wishes.organization, wishes.contact),
            settings=wishes,
            sealing=Sealing.load(settings.signing),
            ask=ask,
            mailer=mailer,
            out=out,
            now=now,
        )
        store.drop(int((now - wishes.keep) // DAY) - 1)
        deliveries = []
        for day in store.days():
            is_over = day * DAY + DAY <= now
            if not is_over and not today:
                continue
            found = list(run.deliver_day(day, store.results(day), domain))
            deliveries.extend(found)
            for name in run.finished(found) if is_over else ():
                store.drop(day, name)
    if as_json:
        print_json([delivery.plain() for delivery in deliveries], indent=2)
    else:
        _show(deliveries)
    return EXIT_TEMPORARY if any(delivery.waiting for delivery in deliveries) else EXIT_OK


@dataclass
class Run:
    """One run of `dmarc report`."""

    reporter: Reporter
    settings: ReportSettings
    sealing: Sealing
    ask: Ask
    mailer: Transport | None
    out: Path | None
    now: float

    def deliver_day(self, day: int, results: Any, domain: str) -> Iterator[Delivery]:
        """Deliver the reports of one day, of one domain only where it is named."""
        from filterd.auth.report import collect

        for one in collect(day, results):
            if not domain or one.domain == domain.lower():
                yield self.deliver(one)

    def deliver(self, report: Report) -> Delivery:
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
            self._mail(delivery, content, self.mailer)
        return delivery

    def _mail(self, delivery: Delivery, content: bytes, mailer: Transport) -> None:
        from filterd.auth.destination import destinations
        from filterd.auth.report import compose

        report = delivery.report
        if len(content) > self.settings.max_bytes:
            delivery.refused.append(f"{len(content)} bytes, more than max_bytes")
            return
        for target in destinations(report.domain, report.record, self.ask):
            if not target.mailbox:
                kept = delivery.waiting if target.is_temporary else delivery.refused
                kept.append(f"{target.uri}: {target.refusal}")
                continue
            raw = self._signed(
                compose(report, content, self.reporter, [target.mailbox], self.now)
            )
            try:
                mailer.sendmail(self.reporter.address, [target.mailbox], raw)
                delivery.sent.append(target.mailbox)
            except smtplib.SMTPRecipientsRefused as error:
                code, text = next(iter(error.recipients.values()))
                kept = delivery.refused if code >= 500 else delivery.waiting
                kept.append(f"{target.mailbox}: {code} {text.decode('ascii', 'replace')}")
            except (smtplib.SMTPException, OSError) as error:
                delivery.waiting.append(f"{target.mailbox}: {error}")

    def _signed(self, raw: bytes) -> bytes:
        """The mail with our signatures: reports must pass DMARC themselves (RFC 9990 3.5.3)."""
        from filterd.mail.message import Message

        message = Message.from_bytes(raw)
        fields = self.sealing.fields(message, is_ours=True, account="", now=self.now)
        lines = [f"{f.name}: {f.value}\r\n".replace("\n\t", "\r\n\t") for f in fields]
        return "".join(reversed(lines)).encode("ascii") + raw

    def finished(self, deliveries: list[Delivery]) -> list[str]:
        """The domains whose results have done their service."""
        has_left = self.out is not None or self.mailer is not None
        open_ones = {delivery.report.domain for delivery in deliveries if delivery.waiting}
        names = dict.fromkeys(delivery.report.domain for delivery in deliveries)
        return [name for name in names if has_left and name not in open_ones]


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
