"""html - tricks of HTML: text that nobody sees, forms, scripts, pictures instead of words.

Owns:   symbols HTML_*.
Asks:   nothing.
Not here: where links lead (checks.link). Low contrast and hidden preheaders are left alone: 61 % and
        31 % of commercial mail has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.html import HtmlDocument
from filterd.mail.message import Message

_SPLIT_WORD = re.compile(
    r"<(?<=[A-Za-z]<)(?:!--[^<>]{0,100}+|/?[a-z]{3,20}\d{0,5}[^<>]{0,40}+)>(?=[A-Za-z])"
)
_COMMENT = re.compile(r"<!--([^<>]{20,2000}+)>")
_NUMERIC = re.compile(r"&#x?[0-9a-f]{2,6};?", re.IGNORECASE)
_KNOWN_TAGS = frozenset(
    [
        "address",
        "applet",
        "article",
        "aside",
        "audio",
        "basefont",
        "blink",
        "blockquote",
        "button",
        "canvas",
        "caption",
        "center",
        "colgroup",
        "datalist",
        "details",
        "dialog",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "frame",
        "frameset",
        "header",
        "hgroup",
        "iframe",
        "input",
        "isindex",
        "keygen",
        "label",
        "layer",
        "legend",
        "listing",
        "marquee",
        "meter",
        "multicol",
        "nobr",
        "noembed",
        "noframes",
        "noscript",
        "object",
        "optgroup",
        "option",
        "output",
        "param",
        "picture",
        "plaintext",
        "progress",
        "script",
        "section",
        "select",
        "small",
        "source",
        "spacer",
        "strike",
        "strong",
        "style",
        "summary",
        "table",
        "tbody",
        "template",
        "textarea",
        "tfoot",
        "thead",
        "title",
        "track",
        "video",
        "doctype",
        "imagedata",
        "shape",
        "shapetype",
        "stroke",
        "formulas",
        "lock",
        "group",
        "rect",
        "roundrect",
        "textbox",
        "fill",
        "xml",
        "officedocumentsettings",
        "allowpng",
        "pixelsperinch",
        "anchorlock",
    ]
)


SAMPLE = 30_000  # characters of the source that are searched


class Settings(CheckSettings):
    """Whether HTML is looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Tricks over all shown HTML parts, each at most once."""
    documents = tx.message.html
    if not documents:
        return
    tricks: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for document in documents:
        tricks.update(document.tricks)
        counts.update(document.counts)
    yield from _tricks(tricks)
    yield from _hidden(documents, tricks)
    yield from _pictures(tx.message, counts)
    yield from _source(documents)


def _tricks(tricks: Counter[str]) -> Iterator[Hit]:
    for name, symbol in (
        ("password-input", "HTML_PASSWORD"),
        ("refresh", "HTML_REFRESH"),
        ("javascript-link", "HTML_JAVASCRIPT_LINK"),
        ("data-link", "HTML_DATA_LINK"),
        ("script", "HTML_SCRIPT"),
        ("iframe", "HTML_IFRAME"),
        ("object", "HTML_OBJECT"),
        ("base", "HTML_BASE"),
        ("form", "HTML_FORM"),
        ("complex", "HTML_COMPLEX"),
    ):
        if tricks[name]:
            yield Hit(symbol, f"{tricks[name]} times")


def _hidden(documents: tuple[HtmlDocument, ...], tricks: Counter[str]) -> Iterator[Hit]:
    hidden = tricks["hidden-chars"]
    visible = sum(len(document.visible) for document in documents)
    if hidden >= 400 and hidden > visible:
        yield Hit("HTML_HIDDEN_TEXT", f"{hidden} characters hidden, {visible} shown")
    if tricks["tiny-font"] >= 2:
        yield Hit("HTML_TINY_FONT", f"{tricks['tiny-font']} elements")


def _pictures(message: Message, counts: Counter[str]) -> Iterator[Hit]:
    shown = sum(len(document.visible) for document in message.html)
    if counts["img"]:
        plain = sum(
            len(part.text)
            for part in message.parts
            if part.content_type == "text/plain" and not part.is_attachment
        )
        if shown < 200 and plain < 400:
            yield Hit("HTML_IMAGE_ONLY", f"{counts['img']} images, {shown} characters")
    if (
        not counts["html"]
        and not counts["body"]
        and not counts["div"]
        and counts["p"] + counts["br"]
    ):
        yield Hit("HTML_FRAGMENT")


def _source(documents: tuple[HtmlDocument, ...]) -> Iterator[Hit]:
    for document in documents:
        source = document.source[:SAMPLE]
        split = sum(1 for _ in zip(range(20), _SPLIT_WORD.finditer(source), strict=False))
        if split >= 4:
            yield Hit("HTML_SPLIT_WORDS", f"{split} times")
        invented = {
            one for one in document.counts if len(one) >= 5 and one.isalpha()
        } - _KNOWN_TAGS
        if len(invented) >= 3:
            yield Hit("HTML_INVENTED_TAGS", ", ".join(sorted(invented)[:4]))
        prose = source.count("<!--") and sum(
            1 for text in _COMMENT.findall(source) if text.count(" ") >= 6
        )
        if prose >= 2:
            yield Hit("HTML_COMMENT_TEXT", f"{prose} comments")
        numeric = len(_NUMERIC.findall(source)) if source.count("&#") >= 40 else 0
        if numeric >= 40 and numeric * 5 > len(document.visible):
            yield Hit("HTML_ENTITIES", f"{numeric} of {len(document.visible)}")


CHECK = Check(
    name="html",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "HTML_PASSWORD", "HTML_REFRESH", "HTML_JAVASCRIPT_LINK", "HTML_DATA_LINK", "HTML_SCRIPT",
        "HTML_IFRAME", "HTML_OBJECT", "HTML_BASE", "HTML_FORM", "HTML_COMPLEX", "HTML_HIDDEN_TEXT",
        "HTML_TINY_FONT", "HTML_IMAGE_ONLY", "HTML_FRAGMENT", "HTML_SPLIT_WORDS",
        "HTML_INVENTED_TAGS", "HTML_COMMENT_TEXT", "HTML_ENTITIES",
    ),
)  # fmt: skip
