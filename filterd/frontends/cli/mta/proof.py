"""proof - two messages through the real MTA: a clean one passes, GTUBE is refused by us.

Owns:   prove, Proof.
"""

from __future__ import annotations

import re
import smtplib
import time
from dataclasses import dataclass
from email.utils import formatdate, make_msgid

SECONDS = 60.0
# The Generic Test for Unsolicited Bulk Email, in two halves: this file is no spam.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
WHY = re.compile(r"\(why ([2-9A-Z]{6,20})\)")


@dataclass(frozen=True, slots=True)
class Proof:
    """One message and the MTA's answer to it."""

    name: str
    code: int
    text: str

    @property
    def why(self) -> str:
        """Our why-id, where the reply is ours."""
        match = WHY.search(self.text)
        return match[1] if match else ""


def prove(
    host: str, port: int, sender: str, recipient: str, attempts: int = 20
) -> tuple[Proof, Proof]:
    """Send both; OSError or SMTPException when the MTA does not talk at all.

    A Postfix that has just been reloaded may need a moment to listen again.
    """
    for attempt in range(attempts):
        try:
            clean = _send(
                host, port, sender, recipient, "filterd is wired", "This message is clean."
            )
            break
        except (ConnectionError, smtplib.SMTPServerDisconnected):
            if attempt == attempts - 1:
                raise
            time.sleep(0.25)
    spam = _send(host, port, sender, recipient, "filterd is tested", GTUBE)
    return Proof("clean", *clean), Proof("GTUBE", *spam)


def _send(
    host: str, port: int, sender: str, recipient: str, subject: str, body: str
) -> tuple[int, str]:
    domain = sender.rpartition("@")[2] or "localhost"
    message = (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\nDate: {formatdate()}\r\n"
        f"Message-ID: {make_msgid(domain=domain)}\r\n\r\n{body}\r\n"
    )
    with smtplib.SMTP(host, port, local_hostname=domain, timeout=SECONDS) as client:
        client.ehlo_or_helo_if_needed()
        for code, text in (client.mail(sender), client.rcpt(recipient)):
            if code >= 400:
                return code, text.decode(errors="replace")
        code, text = client.data(message)
        return code, text.decode(errors="replace")
