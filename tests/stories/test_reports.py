"""From a message at a real MTA to the report about it, through the running service."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import PrivatePostfix
from deploy.demo.service import ROOT, Service
from deploy.demo.sink import SmtpSink
from tests.stories.conftest import available
from tests.support.shared import shared_path
from tests.support.smtp import Client, send

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

ZONE = """
_dmarc.bank.example. TXT "v=DMARC1; p=reject; rua=mailto:d@bank.example"
bank.example. TXT "v=spf1 ip4:192.0.2.99 -all"
"""
MAIL = (
    b"From: Bank <alert@bank.example>\r\nTo: user@example.net\r\nSubject: Your account\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <s@bank.example>\r\n\r\nClick here.\r\n"
)
SETTINGS: dict[str, object] = {
    "checks.greylist.enabled": False,
    "checks.tarpit.enabled": False,
    "dmarc_reports.enabled": True,
    "dmarc_reports.address": "dmarc@mx.example.net",
}


def test_owner_of_a_forged_domain_is_told(sink: SmtpSink, tmp_path: Path) -> None:
    with (
        Nameserver(ZONE) as nameserver,
        Service(SETTINGS, nameserver=nameserver.address) as service,
        available(PrivatePostfix, sink.port, milters=[service.postfix]) as mta,
    ):
        for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
            sent = send(
                mta.port, MAIL, reverse_path="x@bank.example", client=Client(address=address)
            )
            assert not sent.accepted
        command = [sys.executable, "-m", "filterd", "-c", str(service.config_file)]
        subprocess.run(
            [*command, "dmarc", "report", "--today", "--no-send", "--out", str(tmp_path)],
            cwd=ROOT,
            env=service.environment(),
            check=True,
            timeout=60,
        )
    (path,) = tmp_path.iterdir()
    root = etree.fromstring(gzip.decompress(path.read_bytes()))
    etree.XMLSchema(etree.parse(str(shared_path("specs/dmarc-xml-0.2.xsd")))).assertValid(root)
    rows = {
        tuple(element.text for element in row.iter() if element.text and element.text.strip())
        for row in root.iter("{*}row")
    }
    assert rows == {
        ("192.0.2.7", "2", "reject", "fail", "fail"),
        ("192.0.2.8", "1", "reject", "fail", "fail"),
    }
