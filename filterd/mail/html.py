"""html - what an HTML part shows, what it links to and what it hides.

Owns:   parse, HtmlDocument, HtmlLink.
Not here: what a link means (mail.link), what a trick is worth (checks.html).
Rules of this file: the tree is selectolax's (lexbor), which is quadratic in nesting and in the
        attributes of one tag (100,000 nested <div> take 22 s, 40,000 attributes 3 s): what could
        cost more than some 60 ms is read by a linear tag stripper instead and marked "complex".
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from filterd.limits import LIMITS
from filterd.mail.derived import derived

MAX_TAGS = 6_000  # "<" in one document; lexbor needs 54 ms for 5,000 nested elements
MAX_LINKS = 2_000  # link elements read of one document
MAX_ANCHOR_TEXT = 64 << 10  # characters of link texts in all: nested links would repeat them
MAX_HREF = 8_192

MAX_ATTRIBUTES = 400  # in one tag: lexbor compares each with all before it, 2 ns a pair

# ">" inside a quoted value, which does not end the tag; RE2 looks whether there is any.
_HAS_QUOTED_END = re2.compile(rb"=[\s\v]*(?:\"[^\">]*|'[^'>]*)>")
_QUOTED_END = re.compile(rb"(=\s*+\"[^\">]*+|=\s*+'[^'>]*+)>")
_TAG_START = re.compile(rb"<[A-Za-z]")
_HIDING = re2.compile(
    rb"(?i)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0?\.?0*\s*[;\"'!]"
    rb"|font-size\s*:\s*[01](?:\.\d+)?\s*(?:px|pt|%|[;\"'!])|font\s*:\s*[01]p[xt]|text-indent\s*:\s*-\d{3}"
    rb"|max-height\s*:\s*0|\bheight\s*:\s*[01](?:px)?\s*[;\"'!]|\shidden\b|(?:left|top)\s*:\s*-\d{3}"
    rb"|color\s*:\s*transparent|mso-hide\s*:\s*all"
)
_DECLARATION = re.compile(r"([a-z-]+)\s*+:\s*+([^;]*+)")
_TAG_NAME = re.compile(r"<([a-z][a-z0-9]*+)")
_BLOCK = re.compile(r"<(?=/?(?:[ptdhlPTDHL]|[bB][rR]|[uUoO][lL]))")
_TAG = re.compile(r"<[^<>]*+>")
_FALLBACK_LINK = re.compile(
    r"""<(a|area|img|form|iframe)\s[^<>]*?\b(?:href|src|action)\s{0,9}=\s{0,9}["']?([^"'\s<>]{1,2000}+)""",
    re.IGNORECASE,
)
_REFRESH = re.compile(r"url\s{0,9}=\s{0,9}(.{1,2000})", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"-?\d{0,6}(?:\.\d{0,6})?")
_WANTED = "a,area,img,form,iframe,meta,base,title,script,style,input,object,embed,[background]"
_SOURCE = {
    "a": "href", "area": "href", "base": "href", "img": "src", "iframe": "src", "embed": "src",
    "form": "action", "object": "data", "input": "src",
}  # fmt: skip


class HtmlLink(NamedTuple):
    """One reference: `href` as written, `text` what the reader sees of it, `tag` its element."""

    href: str
    text: str
    tag: str  # "a", "area", "img", "form", "iframe", "refresh", "background", ...


@dataclass(frozen=True)
class HtmlDocument:
    """One HTML text, read once.

    `visible` has runs of white space as one space; `hidden` is text that styles hide from readers.
    `tricks` counts: "hidden" elements, "hidden-chars", "tiny-font" elements, "script", "form",
    "password-input", "refresh", "base", "iframe", "object", "javascript-link", "data-link",
    "complex" (read by the linear stripper), "cut" (longer than `limits.html_bytes`).
    """

    source: str
    visible: str
    title: str
    links: tuple[HtmlLink, ...]
    hidden: str
    tricks: Mapping[str, int]

    @derived
    def counts(self) -> Mapping[str, int]:
        """How often each start tag occurs in the source, names lower case."""
        return Counter(_TAG_NAME.findall(self.source.lower()))


def parse(text: str) -> HtmlDocument:
    """Read an HTML text; any text gives a document, within `limits.html_bytes` characters."""
    tricks: Counter[str] = Counter()
    if len(text) > LIMITS.html_bytes:
        text = text[: LIMITS.html_bytes]
        tricks["cut"] = 1
    data = text.encode("utf-8", "replace")
    if _is_costly(data):
        tricks["complex"] = 1
        return _strip(text, tricks)
    is_hiding = _HIDING.search(data) is not None
    return _Reader(text, tricks, is_hiding=is_hiding).read()


def _is_costly(data: bytes) -> bool:
    """True if the tree builder might need more than some 60 ms for the text."""
    if data.count(b"<") > MAX_TAGS:
        return True
    if len(data) <= 2 * MAX_ATTRIBUTES:
        return False
    if _HAS_QUOTED_END.search(data) is not None:
        for _ in range(4):
            data, count = _QUOTED_END.subn(rb"\1 ", data)
            if count == 0:
                break
            if count > MAX_TAGS:
                return True
        else:
            return True
    # What is longer than two steps has no ">" between two of their bounds.
    step = MAX_ATTRIBUTES
    if all(data.find(b">", at, at + step) >= 0 for at in range(0, len(data) - step + 1, step)):
        return False
    return any(
        _has_many_attributes(piece) for piece in data.split(b">") if len(piece) > 2 * step
    )


def _has_many_attributes(piece: bytes) -> bool:
    """True if what stands before one ">" may be a tag with too many attributes."""
    match = _TAG_START.search(piece)
    if match is None or len(piece) - match.start() <= 2 * MAX_ATTRIBUTES:
        return False
    tag = piece[match.start() :]
    return (
        len(tag.split()) + tag.count(b"/") + tag.count(b'"') + tag.count(b"'") > MAX_ATTRIBUTES
    )


class _Reader:
    """One pass over the interesting elements of lexbor's tree."""

    def __init__(self, text: str, tricks: Counter[str], *, is_hiding: bool) -> None:
        from selectolax.lexbor import LexborHTMLParser

        self.text = text
        self.tricks = tricks
        self.is_hiding = is_hiding  # some style may hide text
        self.links: list[HtmlLink] = []
        self.title = ""
        self.unseen: list[Any] = []  # elements whose text no reader sees, document order
        self.room = MAX_ANCHOR_TEXT
        self.tree = LexborHTMLParser(_BLOCK.sub("\n<", text))

    def read(self) -> HtmlDocument:
        for node in self.tree.css(_WANTED)[:MAX_LINKS]:
            self._element(node)
        hidden = self._hide()
        body = self.tree.body or self.tree.root
        visible = body.text(deep=True, separator="") if body is not None else ""
        return HtmlDocument(
            source=self.text,
            visible=" ".join(visible.split()),
            title=self.title,
            links=tuple(self.links),
            hidden=hidden,
            tricks=self.tricks,
        )

    def _element(self, node: Any) -> None:
        tag = node.tag
        if tag in {"a", "area", "img"}:
            href = node.attrs.get(_SOURCE[tag])
            if href:
                self._link(href, self._anchor(node) if tag == "a" else "", tag)
        elif tag in {"script", "style"}:
            self.unseen.append(node)
            if tag == "script":
                self.tricks["script"] += 1
        elif tag == "title":
            self.title = self.title or " ".join(node.text(deep=True)[:1000].split())
            self.unseen.append(node)
        elif tag == "meta":
            self._meta(node)
        elif tag == "input":
            if (node.attrs.get("type") or "").lower() == "password":
                self.tricks["password-input"] += 1
        elif tag in _SOURCE:
            self.tricks["object" if tag == "embed" else tag] += 1
            href = node.attrs.get(_SOURCE[tag])
            if href:
                self._link(href, "", tag)
        href = node.attrs.get("background")
        if href:
            self._link(href, "", "background")

    def _anchor(self, node: Any) -> str:
        if self.room <= 0:
            return ""
        text = " ".join(node.text(deep=True, separator="").split())
        self.room -= len(text) + 1
        return text[:1000]

    def _link(self, href: str, text: str, tag: str) -> None:
        scheme = href[:40].lstrip("\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f ")
        if scheme[:1] in "jJvVdD":
            scheme = "".join(scheme.split()).lower()
            if scheme.startswith(("javascript:", "vbscript:")):
                self.tricks["javascript-link"] += 1
            elif scheme.startswith("data:") and tag != "img":
                self.tricks["data-link"] += 1
        self.links.append(HtmlLink(href[:MAX_HREF], text, tag))

    def _meta(self, node: Any) -> None:
        if (node.attrs.get("http-equiv") or "").strip().lower() != "refresh":
            return
        match = _REFRESH.search((node.attrs.get("content") or "")[:4000])
        if match is not None:
            self.tricks["refresh"] += 1
            self._link(match.group(1).strip(" \t\"'"), "", "refresh")

    def _hide(self) -> str:
        """Take out what is not seen, and return the hidden text (not scripts and styles)."""
        pieces: list[str] = []
        gone: list[Any] = self.unseen
        if self.is_hiding:
            room = MAX_ANCHOR_TEXT
            for node in self.tree.css("[style],[hidden]"):
                how = _hiding(node)
                if how is None:
                    continue
                if room > 0:
                    text = " ".join(node.text(deep=True, separator="").split())
                    room -= len(text) + 1
                    if not text:
                        continue
                    pieces.append(text)
                    self.tricks[how] += 1
                    self.tricks["hidden-chars"] += len(text)
                gone.append(node)
        # Children before parents, whatever the order of discovery: lexbor frees a subtree whole.
        for node in self._innermost_first(gone):
            node.decompose()
        return " ".join(pieces)

    def _innermost_first(self, nodes: list[Any]) -> list[Any]:
        """The nodes without those inside another of them."""
        ids = {node.mem_id for node in nodes}
        outer = []
        for node in nodes:
            above = node.parent
            for _ in range(200):
                if above is None or above.mem_id in ids:
                    break
                above = above.parent
            if above is None:
                outer.append(node)
        return outer


def _hiding(node: Any) -> str | None:
    """The trick by which an element hides its text, or None."""
    attributes = node.attrs
    if "hidden" in attributes:
        return "hidden" if node.tag != "body" else None
    style = attributes.get("style") or ""
    if ":" not in style or node.tag == "body":
        return None
    return _style_trick(style) if len(style) <= 400 else _read_style(style[:2000])


def _read_style(style: str) -> str | None:
    """The trick of one style attribute; mail repeats a few hundred of them all over."""
    declared = {name: value.strip() for name, value in _DECLARATION.findall(style.lower())}
    if any(declared.get(name, "").startswith(values) for name, values in _INVISIBLE):
        return "hidden"
    if "opacity" in declared and _number(declared["opacity"]) == 0:
        return "hidden"
    size = declared.get("font-size", "")
    if size and size[0] in "0123456789." and 0 <= _number(size) <= 2 and not _is_relative(size):
        return "tiny-font"
    return "hidden" if _is_out_of_sight(declared) else None


_style_trick = lru_cache(maxsize=512)(_read_style)


_INVISIBLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("display", ("none",)),
    ("visibility", ("hidden", "collapse")),
    ("color", ("transparent",)),
)


def _is_out_of_sight(declared: Mapping[str, str]) -> bool:
    """True for boxes without extent and for text moved off the page."""
    if declared.get("overflow", "").startswith("hidden") and any(
        declared.get(name, "x")[0:1].isdigit() and _number(declared[name]) <= 1
        for name in ("height", "max-height", "width", "max-width")
    ):
        return True
    if _number(declared.get("text-indent", "0")) <= -300:
        return True
    return declared.get("position", "").startswith(("absolute", "fixed")) and any(
        _number(declared.get(name, "0")) <= -300 for name in ("left", "top")
    )


def _is_relative(size: str) -> bool:
    """True for sizes in em, rem and vw, of which 1 is not small."""
    unit = size.removesuffix("!important").rstrip()
    return unit.endswith(("em", "vw", "vh")) and _number(size) > 0.1


def _number(value: str) -> float:
    match = _NUMBER.match(value.strip())
    try:
        return float(match.group()) if match is not None and match.group() else 0.0
    except ValueError:
        return 0.0


def _strip(text: str, tricks: Counter[str]) -> HtmlDocument:
    """The document by pattern alone: for texts that would cost the tree builder too much."""
    links = []
    for match in _FALLBACK_LINK.finditer(text):
        links.append(HtmlLink(entities.unescape(match.group(2)), "", match.group(1).lower()))
        if len(links) >= MAX_LINKS:
            break
    visible = _TAG.sub("", _BLOCK.sub("\n<", text))
    return HtmlDocument(
        source=text,
        visible=" ".join(entities.unescape(visible).split()),
        title="",
        links=tuple(links),
        hidden="",
        tricks=tricks,
    )
