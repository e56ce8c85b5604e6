"""Aggregate reports fit the schema of RFC 9990, and say what was counted."""

from __future__ import annotations

import email
import email.policy
import gzip
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from filterd.auth.report import NAMESPACE, Report, Reporter, collect, compose, compress
from filterd.core.stores import DmarcSeen
from tests.support.shared import shared_path

DAY = 20_000
REPORTER = Reporter("dmarc@mx.example.net", "Example Net", "https://example.net/dmarc")
TEXT = (
    "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; fo=1; t=y; rua=mailto:d@example.com"
)


def line(**changes: Any) -> DmarcSeen:
    facts: dict[str, Any] = {
        "policy_domain": "example.com",
        "record": TEXT,
        "source": "192.0.2.1",
        "header_from": "example.com",
        "envelope_from": "bounce.example.com",
        "disposition": "none",
        "dkim": "fail",
        "spf": "pass",
        "reasons": (("mailing_list", "list-id"),),
        "signatures": (("example.com", "s", "fail", "body hash did not verify"),),
        "spf_checked": ("bounce.example.com", "pass", ""),
    }
    return DmarcSeen(**{**facts, **changes})


def schema() -> Any:
    path = shared_path("specs/dmarc-xml-0.2.xsd")
    return etree.XMLSchema(etree.parse(str(path)))


def texts(xml: bytes, path: str) -> list[str]:
    root = etree.fromstring(xml)
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return [element.text or "" for element in root.findall(steps)]


def test_report_is_valid_by_the_schema() -> None:
    rows = [
        (line(), 3),
        (line(source="2001:db8::1", signatures=(), spf_checked=("", "", ""), reasons=()), 1),
        (line(envelope_from="", disposition="reject", header_from="a.example.com"), 7),
    ]
    (report,) = collect(DAY, rows)
    xml = report.xml(REPORTER)
    schema().assertValid(etree.fromstring(xml))
    assert texts(xml, "record/row/count") == ["7", "3", "1"]
    assert report.messages == 11
    assert texts(xml, "policy_published/domain") == ["example.com"]
    assert texts(xml, "policy_published/testing") == ["y"]
    assert texts(xml, "policy_published/adkim") == ["s"]
    assert texts(xml, "policy_published/np") == ["none"]
    assert texts(xml, "report_metadata/date_range/begin") == [str(DAY * 86400)]
    assert texts(xml, "report_metadata/date_range/end") == [str(DAY * 86400 + 86399)]


@settings(max_examples=50, deadline=None)
@given(junk=st.text(max_size=40))
def test_any_text_of_a_sender_gives_a_valid_report(junk: str) -> None:
    row = line(
        reasons=(("other", junk),),
        signatures=((junk, junk, "permerror", junk),),
        spf_checked=(junk or "x", "neutral", junk),
        header_from=junk,
        envelope_from=junk,
    )
    (report,) = collect(DAY, [(row, 1)])
    schema().assertValid(etree.fromstring(report.xml(REPORTER)))


def test_each_domain_and_each_record_has_its_report() -> None:
    other = "v=DMARC1; p=none; rua=mailto:d@example.com"
    rows = [
        (line(policy_domain="a.example"), 1),
        (line(policy_domain="b.example"), 1),
        (line(policy_domain="b.example", record=other), 2),
        (line(policy_domain="b.example", source="192.0.2.9"), 3),
        (line(policy_domain="c.example", record="no record"), 1),
    ]
    reports = list(collect(DAY, rows))
    assert [(r.domain, r.messages) for r in reports] == [
        ("a.example", 1),
        ("b.example", 4),
        ("b.example", 2),
    ]
    assert len({r.report_id(REPORTER) for r in reports}) == 3
    assert len({r.filename(REPORTER) for r in reports}) == 3


def test_report_made_again_is_the_same_bytes_under_the_same_name() -> None:
    (one,) = collect(DAY, [(line(), 3)])
    (two,) = collect(DAY, [(line(), 3)])
    assert one.filename(REPORTER) == two.filename(REPORTER)
    assert compress(one.xml(REPORTER)) == compress(two.xml(REPORTER))


@pytest.fixture
def report() -> Report:
    (found,) = collect(DAY, [(line(), 3)])
    return found


def test_mail_is_what_rfc_9990_asks_for(report: Report) -> None:
    content = compress(report.xml(REPORTER))
    raw = compose(report, content, REPORTER, ["d@example.com", "e@example.com"], 1_790_000_000)
    message = email.message_from_bytes(raw, policy=email.policy.default)  # noqa: TID251 - a reader
    begin, end = DAY * 86400, DAY * 86400 + 86399
    assert message["From"] == "dmarc@mx.example.net"
    assert message["To"] == "d@example.com, e@example.com"
    assert message["Subject"] == (
        "Report Domain: example.com Submitter: mx.example.net"
        f" Report-ID: <{report.report_id(REPORTER)}>"
    )
    assert message["Message-ID"] == f"<{report.report_id(REPORTER)}>"
    (part,) = message.iter_attachments()
    assert part.get_content_type() == "application/gzip"
    name = f"mx.example.net!example.com!{begin}!{end}!{report.unique_id()}.xml.gz"
    assert part.get_filename() == name
    schema().assertValid(etree.fromstring(gzip.decompress(part.get_content())))
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_report_id_and_file_name_keep_to_their_grammar(report: Report) -> None:
    assert report.unique_id().isalnum()
    local, _, domain = report.report_id(REPORTER).partition("@")
    assert domain == "mx.example.net"
    assert local.replace("-", "").isalnum()
