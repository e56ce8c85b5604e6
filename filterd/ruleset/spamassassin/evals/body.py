"""body - what SpamAssassin's rules ask about MIME parts and body text.

Owns:   check_for_mime*, check_body_length, check_for_uppercase and the like.
Not here: HTML (evals.html).
"""

from __future__ import annotations

import re

from filterd.ruleset.spamassassin.evals.call import Arguments
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View


def _is_html(view: View) -> bool:
    return (view.field("Content-Type") or b"").lower().startswith(b"text/html")


def _counts(view: View) -> tuple[int, int]:
    """Text parts and HTML parts that are not attachments."""
    shown = [p for p in view.message.parts if p.disposition != "attachment"]
    plain = sum(p.content_type == "text/plain" for p in shown)
    return plain, sum(p.content_type == "text/html" for p in shown)


def mime_html(view: View, _args: Arguments, _: Lists) -> bool:
    """check_for_mime_html(): is there an HTML part."""
    return _is_html(view) or _counts(view)[1] > 0


def mime_html_only(view: View, _args: Arguments, _: Lists) -> bool:
    """check_for_mime_html_only(): HTML and no plain text."""
    plain, html = _counts(view)
    return _is_html(view) or (html > 0 and plain == 0)


def check_for_mime(view: View, args: Arguments, _: Lists) -> bool | int:
    """Whether, or how many, of what the first argument names."""
    parts = view.message.parts
    match args[0]:
        case "mime_base64_count":
            return sum(p.transfer_encoding == "base64" for p in parts)
        case "mime_attachment":
            return any(p.disposition == "attachment" for p in parts)
        case "mime_qp_count":
            quoted = [
                p
                for p in parts
                if p.transfer_encoding == "quoted-printable" and not p.is_multipart
            ]
            return sum(_needless(p.raw) for p in quoted)
        case "mime_qp_long_line":
            quoted = [
                p
                for p in parts
                if p.transfer_encoding == "quoted-printable" and not p.is_multipart
            ]
            return any(
                len(line) > 78
                for p in quoted
                for line in p.raw.replace(b"\r", b"").split(b"\n")
            )
        case "mime_base64_encoded_text":
            return any(
                p.transfer_encoding == "base64"
                and p.content_type == "text/plain"
                and p.disposition != "attachment"
                and p.charset in {"", "us-ascii"}
                for p in parts
            )
        case "mime_bad_iso_charset":
            return any(
                re.match(r"iso-\S+-\S+\b", p.charset)
                and not re.match(
                    r"iso-(?:8859-(?:\d|1[0-6])|2022-\w+|10646-\w+|ir-\d+)(?:-[ei])?\b",
                    p.charset,
                )
                for p in parts
            )
        case _:
            return False


_QP_NEEDLESS = re.compile(rb"=(?:09|3[0-9ABCEF]|[2456][0-9A-F]|7[0-9A-E])")
_UPPER = bytes(range(65, 91))
_LOWER = bytes((*range(97, 123), *range(48, 58)))


def _needless(data: bytes) -> int:
    """Characters in quoted-printable that need not be; blanks at the end of a line need to."""
    return sum(
        len(_QP_NEEDLESS.findall(_without_blanks(line)))
        for line in data.split(b"\n")
        if b"=" in line
    )


def _without_blanks(line: bytes) -> bytes:
    line = line.rstrip()
    while line.endswith((b"=20", b"=09")):
        line = line[:-3]
    return line


def parse_flag(view: View, args: Arguments, _: Lists) -> bool:
    """check_msg_parse_flags(what): what was wrong with the whole."""
    marks = view.message.marks
    match args[0]:
        case "missing_head_body_separator":
            return "junk-line" in marks
        case "truncated_header":
            return any(len(field.raw) > 65_536 for field in view.message.header)
        case _:
            return False


def body_length(view: View, args: Arguments, _: Lists) -> bool:
    """check_body_length(size): at most so many bytes."""
    return len(view.message.body) <= float(args[0])


def vertical_words(view: View, args: Arguments, _: Lists) -> bool:
    """tvd_vertical_words(low, high): letters set apart by spaces, in percent."""
    low, high = float(args[0]), float(args[1])
    most = -1
    for line in view.body:
        if len(line) > 5:
            spaces = line.count(b" ")
            others = len(line) - spaces
            share = 100 if spaces > others or not others else 100 * spaces // others
            most = max(most, share)
    return low <= most < (101 if high >= 100 else high)


def uppercase(view: View, args: Arguments, _: Lists) -> bool:
    """check_for_uppercase(low, high): percent of capitals."""
    length = lower = upper = 0
    for line in view.body:
        if re.search(rb"\S\s+\S", line) is None or re.match(
            rb"(?:[A-Za-z0-9+/=]{60,76} ){2}", line
        ):
            continue
        length += len(line)
        upper += len(line) - len(line.translate(None, _UPPER))
        lower += len(line) - len(line.translate(None, _LOWER))
    share = 100 * upper / (upper + lower) if length >= 200 and upper + lower else 0.0
    return float(args[0]) < share <= float(args[1])
