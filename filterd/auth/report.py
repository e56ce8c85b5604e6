"""report - DMARC aggregate reports: what was seen of a domain in a day, as XML and as mail.

Owns:   Reporter, Report, collect, compose, compress.
Not here: one message's line (auth.feedback), where lines wait (store.dmarc), who may get the report
        (auth.destination), sending (frontends.cli.dmarc).
RFC 9990 sections 3.1, 3.5 and its schema: one report for each policy domain and record.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from xml.etree import ElementTree as ET

import filterd
from filterd.auth.record import Record, parse_record
from filterd.core.stores import DmarcSeen

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
DAY = 86400
MAX_RECORDS = 20_000  # of one report, those with the highest counts; about 10 MB of XML


@dataclass(frozen=True)
class Reporter:
    """Who reports."""

    address: str
    organization: str = ""
    contact: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()


@dataclass
class Report:
    """One domain, one record, one day."""

    domain: str
    record: Record
    begin: int  # seconds since the epoch, inclusive
    end: int  # seconds since the epoch, the last second
    rows: list[tuple[DmarcSeen, int]] = field(default_factory=list)

    @property
    def messages(self) -> int:
        return sum(count for _, count in self.rows)

    def unique_id(self) -> str:
        """The same whenever this report is made again (RFC 9990 3.5.2), another for another record."""
        text = f"{self.domain} {self.begin} {self.end} {self.record.text}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def report_id(self, reporter: Reporter) -> str:
        return f"{self.begin}-{self.unique_id()}@{reporter.domain}"

    def filename(self, reporter: Reporter) -> str:
        parts = (reporter.domain, self.domain, str(self.begin), str(self.end), self.unique_id())
        return "!".join(parts) + ".xml.gz"

    def xml(self, reporter: Reporter) -> bytes:
        """The report; its elements stand in the order that schema and readers expect."""
        root = ET.Element("feedback", {"xmlns": NAMESPACE})
        _add(root, "version", "1.0")
        metadata = ET.SubElement(root, "report_metadata")
        _add(metadata, "org_name", reporter.organization or reporter.domain)
        _add(metadata, "email", reporter.address)
        if reporter.contact:
            _add(metadata, "extra_contact_info", reporter.contact)
        _add(metadata, "report_id", self.report_id(reporter))
        dates = ET.SubElement(metadata, "date_range")
        _add(dates, "begin", str(self.begin))
        _add(dates, "end", str(self.end))
        _add(metadata, "generator", f"filterd {filterd.__version__}")
        self._policy(ET.SubElement(root, "policy_published"))
        most = sorted(self.rows, key=lambda row: -row[1])[:MAX_RECORDS]
        for row, count in most:
            _record(ET.SubElement(root, "record"), row, count)
        ET.indent(root, " ")
        text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return text

    def _policy(self, policy: ET.Element) -> None:
        record = self.record
        _add(policy, "domain", self.domain)
        _add(policy, "discovery_method", "treewalk")
        _add(policy, "p", record.p.text)
        for name, value in (("sp", record.sp), ("np", record.np)):
            if value is not None:
                _add(policy, name, value.text)
        _add(policy, "fo", record.fo)
        _add(policy, "adkim", "s" if record.strict_dkim else "r")
        _add(policy, "aspf", "s" if record.strict_spf else "r")
        _add(policy, "testing", "y" if record.is_testing else "n")


def _add(parent: ET.Element, name: str, text: str) -> None:
    """A child with text; what XML 1.0 cannot hold becomes "?"."""
    child = ET.SubElement(parent, name)
    child.text = "".join(
        c if c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe" else "?" for c in text
    )


def _record(record: ET.Element, seen: DmarcSeen, count: int) -> None:
    row = ET.SubElement(record, "row")
    _add(row, "source_ip", seen.source)
    _add(row, "count", str(count))
    evaluated = ET.SubElement(row, "policy_evaluated")
    _add(evaluated, "disposition", seen.disposition)
    _add(evaluated, "dkim", seen.dkim)
    _add(evaluated, "spf", seen.spf)
    for kind, comment in seen.reasons:
        reason = ET.SubElement(evaluated, "reason")
        _add(reason, "type", kind)
        if comment:
            _add(reason, "comment", comment)
    identifiers = ET.SubElement(record, "identifiers")
    _add(identifiers, "header_from", seen.header_from)
    _add(identifiers, "envelope_from", seen.envelope_from)
    results = ET.SubElement(record, "auth_results")
    for domain, selector, result, human in seen.signatures:
        _auth_result(results, "dkim", domain, result, human, selector)
    domain, result, human = seen.spf_checked
    if domain:
        _auth_result(results, "spf", domain, result, human)


def _auth_result(
    results: ET.Element, method: str, domain: str, result: str, human: str, selector: str = ""
) -> None:
    element = ET.SubElement(results, method)
    _add(element, "domain", domain)
    _add(element, "selector" if method == "dkim" else "scope", selector or "mfrom")
    _add(element, "result", result)
    if human:
        _add(element, "human_result", human)


def collect(day: int, results: Iterable[tuple[DmarcSeen, int]]) -> Iterator[Report]:
    """The reports of one day's results, which come ordered by policy domain."""
    current: dict[str, Report] = {}
    domain = ""
    for row, count in results:
        if row.policy_domain != domain:
            yield from current.values()
            current, domain = {}, row.policy_domain
        if row.record not in current:
            record = parse_record(row.record.encode())
            if record is None:
                continue
            begin = day * DAY
            current[row.record] = Report(domain, record, begin, begin + DAY - 1)
        current[row.record].rows.append((row, count))
    yield from current.values()


# -- mail -----------------------------------------------------------------------------------


def compose(
    report: Report, content: bytes, reporter: Reporter, mailboxes: Sequence[str], now: float
) -> bytes:
    """The RFC 5322 message that carries `content`, the gzipped report."""
    message = EmailMessage()
    message["From"] = reporter.address
    message["To"] = ", ".join(mailboxes)
    message["Subject"] = (
        f"Report Domain: {report.domain} Submitter: {reporter.domain}"
        f" Report-ID: <{report.report_id(reporter)}>"
    )
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{report.report_id(reporter)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This is a DMARC aggregate report (RFC 9990) for {report.domain}\n"
        f"about {report.messages} messages received by {reporter.domain}.\n"
    )
    message.add_attachment(
        content, maintype="application", subtype="gzip", filename=report.filename(reporter)
    )
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def compress(xml: bytes) -> bytes:
    """Gzip without a time stamp, so that a report made again is the same bytes."""
    return gzip.compress(xml, mtime=0)
