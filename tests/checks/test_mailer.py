"""Programs: each symbol hits its forgery and leaves the real thing alone."""

from __future__ import annotations

from filterd.checks.mailer import CHECK
from tests.support.heuristics import mail, symbols, table

EXPRESS = "Microsoft Outlook Express 6.00.2900.2180"
OLE = "Produced By Microsoft MimeOLE V6.00.2900.2180"
# FILETIME 0x01C77E21E52116C0 is 13 Apr 2007 23:17:24 UTC.
WRITTEN = "Sat, 14 Apr 2007 07:17:24 +0800"
EXPRESS_ID = "<001801c77e21$e52116c0$069fba94@workstation>"
NEXT_PART = "----=_NextPart_000_0015_01C77E65.A8C31B20"


def express(**fields: str | None) -> bytes:
    """A message as Outlook Express wrote it in 2007."""
    genuine: dict[str, str | None] = {
        "date": WRITTEN,
        "message_id": EXPRESS_ID,
        "x_mailer": EXPRESS,
        "x_mimeole": OLE,
        "x_msmail_priority": "Normal",
        "content_type": f'multipart/alternative; boundary="{NEXT_PART}"',
    }
    return mail(f"--{NEXT_PART}\n\nhello\n--{NEXT_PART}--\n", **(genuine | fields))


HITS: list[tuple[str, bytes]] = [
    ("MAILER_NO_MIMEOLE", express(x_mimeole=None)),
    ("MAILER_VERSION", express(x_mimeole="Produced By Microsoft MimeOLE V5.50.4522.1200")),
    ("MAILER_ANCIENT", express(date="Tue, 14 Nov 2023 22:13:10 +0000")),
    ("MAILER_MSMAIL", mail(x_msmail_priority="Normal", x_mailer="EBMailer 3.11")),
    ("MAILER_OUTLOOK_ID", express(message_id="<FIOZGJPDTVGLCTKFIBKXBRX@msn.example>")),
    ("MAILER_OUTLOOK_HTML", express(content_type="text/html")),
    ("MAILER_OUTLOOK_BOUNDARY", express(content_type="multipart/mixed; boundary=abc")),
    ("MAILER_ID_TIME", express(date="Fri, 13 Apr 2007 23:17:24 +0800")),
    ("MAILER_BOUNDARY_IS_ID", express(content_type='multipart/mixed; boundary="----=_NextPart_000_0015_01C77E21.E52116C0"')),
    ("MAILER_ID_IS_DOMAIN", express(message_id=EXPRESS_ID.replace("workstation", "example.org"))),
    ("MAILER_SHORT_ID", mail(message_id="<01c77c5e$d5f742b0$6c822ecf@example.org>")),
    ("MAILER_LOCAL_ID", mail(message_id="<000001c780a5$08444700$0100007f@localhost>")),
    ("MAILER_BAT_ID", mail(x_mailer="The Bat! (v2.10.03) Educational", message_id="<585070255.21198323126642@example.org>")),
    ("MAILER_PHP", mail(x_mailer="PHPMailer 5.2.22 (https://github.com/PHPMailer/PHPMailer)")),
    ("MAILER_PHP", mail(x_php_originating_script="33:index.php")),
    ("MAILER_DOMAINKEYS", mail(domainkey_signature="a=rsa-sha1; c=nofws; q=dns; s=k1; d=example.org; b=x")),
    ("FREEMAIL_FORGED", mail(**{"from": "bob@gmail.com"})),
    ("FREEMAIL_FORGED", mail(**{"from": "bob@yahoo.co.uk"})),
    ("FREEMAIL_FORGED_ID", mail(**{"from": "bob@gmail.com"}, message_id="<CAB@mail.gmail.com>")),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("MAILER_NO_MIMEOLE", mail(x_mailer="Microsoft Outlook Express Macintosh Edition - 4.5 (0410)")),
    ("MAILER_ANCIENT", mail(x_mailer="Microsoft Outlook 16.0")),
    ("MAILER_BAT_ID", mail(x_mailer="The Bat! (v2.00.3) Personal", message_id="<0485457038.20070419041727@example.org>")),
    ("MAILER_DOMAINKEYS", mail(domainkey_signature="a=rsa-sha1; d=example.org", date=WRITTEN)),
    ("FREEMAIL_FORGED", mail(**{"from": "bob@gmail.com"}, received="by mail-qt1.google.com with SMTP id o19")),
    ("FREEMAIL_FORGED_ID", mail(**{"from": "bob@gmail.com"}, dkim_signature="v=1; d=gmail.com", message_id="<1@mail.gmail.com>")),
    ("FREEMAIL_FORGED", mail(**{"from": "bob@posteo.de"})),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_genuine_mail_hits_nothing() -> None:
    assert symbols(CHECK, mail()) == set()
    assert symbols(CHECK, express()) == set()
