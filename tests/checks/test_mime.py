"""Structure and encoding: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

import base64

from filterd.checks.mime import CHECK
from filterd.limits import LIMITS
from tests.support.heuristics import html, mail, multipart, symbols, table

PROSE = "Minutes agreed yesterday between partners covering budget planning staffing travel rooms and catering "
OTHER = "Exclusive reward waiting claim your voucher today before midnight because this offer expires quickly "
PLAIN_TEXT = "Content-Type: text/plain; charset=utf-8\n\n"
HTML_TEXT = "Content-Type: text/html; charset=utf-8\n\n"
WORDS = " ".join(
    f"word{chr(97 + n // 26)}{chr(97 + n % 26)}".replace("word", "text") for n in range(60)
)


def nested(depth: int) -> bytes:
    body = "".join(
        f"--b{level}\nContent-Type: multipart/mixed; boundary=b{level + 1}\n\n"
        for level in range(depth)
    )
    return mail(body, content_type="multipart/mixed; boundary=b0")


HITS: list[tuple[str, bytes]] = [
    ("MIME_TOO_MANY_PARTS", multipart(*["\nx"] * (LIMITS.mime_parts + 5))),
    ("MIME_TOO_DEEP", nested(40)),
    ("MIME_BROKEN", mail(content_type="multipart/mixed")),
    ("MIME_BROKEN", mail(content_type="multipart/mixed; boundary=unused")),
    ("MIME_UNCLOSED", mail("--b\n\nhello\n", content_type="multipart/mixed; boundary=b")),
    ("MIME_ENCODED_MULTIPART", multipart("\nx", content_transfer_encoding="base64")),
    ("MIME_ENCODED_MESSAGE", multipart("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nRnJvbTogYQoKeA==")),
    ("OVERSIZE", mail("x" * (LIMITS.message_bytes + 1))),
    ("MIME_HEADER_LONG", mail(x_filler="x" * (LIMITS.header_bytes + 10))),
    ("MIME_NO_VERSION", mail(mime_version=None)),
    ("MIME_HTML_ONLY", html("<p>hello")),
    ("MIME_ALTERNATIVE_SINGLE", multipart(HTML_TEXT + "<p>x", kind="alternative")),
    ("MIME_ALTERNATIVE_DIFFERS", multipart(PLAIN_TEXT + " ".join(f"{w}{c}" for c in "abcdefg" for w in PROSE.split()).replace("a ", "b "), HTML_TEXT + f"<p>{OTHER}", kind="alternative")),
    ("MIME_ALTERNATIVE_EMPTY", multipart(PLAIN_TEXT, HTML_TEXT + f"<p>{PROSE}{OTHER}", kind="alternative")),
    ("MIME_DUPLICATE", mail(content_type=["text/plain", "text/html"])),
    ("MIME_DUPLICATE", mail(content_type='text/plain; charset="a"; charset="b"')),
    ("MIME_UNKNOWN", mail(content_type="nonsense")),
    ("MIME_UNKNOWN", mail(content_transfer_encoding="7-bit")),
    ("MIME_PARAMETERS", mail(content_type="text/plain" + "; a=b" * 200)),
    ("MIME_EMPTY", mail(" \n")),
    ("MIME_8BIT_IN_7BIT", mail("Größe", content_transfer_encoding="7bit")),
    ("MIME_8BIT_UNDECLARED", mail("Größe")),
    ("MIME_CHARSET_UNKNOWN", mail(content_type="text/plain; charset=x-nonsense")),
    ("MIME_CHARSET_FAR", mail(PROSE, content_type='text/plain; charset="Windows-1251"')),
    ("MIME_BASE64_TEXT", mail(base64.encodebytes(PROSE.encode()), content_transfer_encoding="base64")),
    ("MIME_HTML_AS_PLAIN", mail("<html><body>hello</body></html>")),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("MIME_ALTERNATIVE_DIFFERS", multipart(PLAIN_TEXT + PROSE + WORDS, HTML_TEXT + f"<p>{PROSE}{WORDS}", kind="alternative")),
    ("MIME_ALTERNATIVE_SINGLE", multipart(PLAIN_TEXT + "x", HTML_TEXT + "<p>x", kind="alternative")),
    ("MIME_8BIT_UNDECLARED", mail("Größe", content_transfer_encoding="8bit")),
    ("MIME_CHARSET_FAR", mail("Привет " * 20, content_type="text/plain; charset=utf-8")),
    ("MIME_BASE64_TEXT", mail(base64.encodebytes("Größe der Räume im Büro".encode()), content_transfer_encoding="base64")),
    ("MIME_EMPTY", multipart("Content-Type: image/png; name=a.png\n\nx")),
    ("MIME_BROKEN", multipart("\nx")),
]  # fmt: skip


test_hits, test_misses, test_every_symbol_has_a_case = table(CHECK, HITS, MISSES)


def test_an_ordinary_message_hits_nothing() -> None:
    assert symbols(CHECK, mail()) == set()
