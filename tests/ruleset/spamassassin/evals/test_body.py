"""What rules ask about parts and text."""

from __future__ import annotations

import pytest

from tests.ruleset.spamassassin.cf import hits

PARTS = (
    "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n"
    "=41=42 c=20\n\n"
    "--b\nContent-Type: text/html; charset=iso-9999-x\nContent-Transfer-Encoding: base64\n\nPGI+eA==\n"
    "--b\nContent-Type: application/zip\nContent-Disposition: attachment\n\nx\n--b--\n"
)
LOUD = f"Subject: s\n\n{'AND THIS IS LOUD ' * 20}and this is not\n"
SPACED = "Subject: s\n\nb u y n o w o r n e v e r\n"


@pytest.mark.parametrize(
    ("call", "message", "value"),
    [
        ("check_for_mime('mime_qp_count')", PARTS, 2.0),
        ("check_for_mime('mime_base64_count')", PARTS, 1.0),
        ("check_for_mime('mime_attachment')", PARTS, 1.0),
        ("check_for_mime('mime_bad_iso_charset')", PARTS, 1.0),
        ("check_for_mime('mime_qp_long_line')", PARTS, 0.0),
        ("check_for_mime_html()", PARTS, 1.0),
        ("check_for_mime_html_only()", PARTS, 0.0),
        ("check_body_length('1000')", PARTS, 1.0),
        ("check_body_length('10')", PARTS, 0.0),
        ("check_for_uppercase('75', '99')", LOUD, 1.0),
        ("check_for_uppercase('0', '50')", LOUD, 0.0),
        ("tvd_vertical_words('60', '100')", SPACED, 1.0),
        ("tvd_vertical_words('60', '100')", LOUD, 0.0),
    ],
)
def test_parts_and_text(call: str, message: str, value: float) -> None:
    assert hits(f"rawbody R eval:{call}\n", message=message).get("R", 0.0) == value
