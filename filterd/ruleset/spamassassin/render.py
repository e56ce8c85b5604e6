"""render - the text and the links of an HTML part as SpamAssassin's rules expect them.

Owns:   Rendered, render.
Not here: what a reader really sees (mail.html): rules written for SpamAssassin count on its white space.
Rules of this file: tags are read one after the other, in time linear in the text; nothing is nested.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

MAX_TAGS = 10_000  # read of one part; what follows is text no more
MAX_ATTRIBUTES = 50  # of one tag

MAX_LINKS = 2_000
MAX_TARGET = 8_192  # characters of one link
MAX_INNER = 2_000  # characters kept of one anchor or title
WINDOW = 1_024  # characters of a tag in which a > inside of quotes does not end it

_OPEN = re.compile(r"<(?=[A-Za-z!?]|/[A-Za-z])")
_START = re.compile(r"[A-Za-z][^\s/>]*")
_REST = re.compile(r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*+>")
_ATTRIBUTE = re.compile(
    r"""([^\s=>"'/][^\s=>]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""", re.DOTALL
)
_SPACE = re.compile(r"[ \t\n\r\f\x0b]+|\xa0")
_LINE = frozenset({"br", "div"})
_BLANK = frozenset(["li", "th", "td", "dd", "dt", "embed", "h1", "h2", "h3", "h4", "h5", "h6"])
_PARAGRAPH = frozenset(["p", "hr", "blockquote", "pre", "listing", "plaintext", "xmp", "title"])
_RAW = frozenset({"script", "style"})
_LINKS = {
    "body": "background", "table": "background", "tr": "background", "td": "background",
    "a": "href", "area": "href", "link": "href", "base": "href", "img": "src", "frame": "src",
    "iframe": "src", "embed": "src", "script": "src", "bgsound": "src", "form": "action",
}  # fmt: skip
_REFRESH = re.compile(r"\burl\s*=\s*(.*)", re.IGNORECASE | re.DOTALL)
KNOWN = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "area",
        "b",
        "base",
        "bdo",
        "big",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "fieldset",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "hr",
        "html",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "map",
        "meta",
        "noscript",
        "object",
        "ol",
        "optgroup",
        "option",
        "p",
        "param",
        "pre",
        "q",
        "samp",
        "script",
        "select",
        "small",
        "span",
        "strong",
        "style",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "tt",
        "ul",
        "var",
        "applet",
        "basefont",
        "center",
        "dir",
        "font",
        "frame",
        "frameset",
        "iframe",
        "isindex",
        "menu",
        "noframes",
        "s",
        "strike",
        "u",
        "nobr",
        "x-sigsep",
        "x-tab",
    ]
)


@dataclass(slots=True)
class Rendered:
    """One rendered part."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    open: dict[str, int] = field(
        default_factory=dict
    )  # opened minus closed; a tag seen has a key
    image_area: int = 0
    images: int = 0
    size: int = 0  # of the source
    closed_extra: int = 0
    tags: int = 0


class _Renderer:
    def __init__(self) -> None:
        self.result = Rendered()
        self.pieces: list[str] = []
        self.is_space = False  # the last piece is white space of a tag
        self.base = ""

    def space(self, text: str) -> None:
        if self.pieces and not self.is_space and self.pieces[-1].endswith(" "):
            self.pieces[-1] = self.pieces[-1][:-1]
        self.pieces.append(text)
        self.is_space = True

    def words(self, text: str) -> None:
        result = self.result
        if result.open.get("script", 0) > 0:
            result.scripts.append(text)
            return
        if result.open.get("style", 0) > 0:
            return
        if result.open.get("a", 0) > 0 and result.anchors:
            result.anchors[-1] = (result.anchors[-1] + text)[:MAX_INNER]
        if result.open.get("title", 0) > 0 and result.titles:
            result.titles[-1] = (result.titles[-1] + text)[:MAX_INNER]
        text = _SPACE.sub(" ", text)
        if self.is_space and text.startswith(" "):
            text = text[1:]
        self.pieces.append(text)
        self.is_space = False

    def tag(self, name: str, rest: str, step: int) -> None:
        result = self.result
        result.tags += 1
        result.open[name] = result.open.get(name, 0) + step
        if result.open[name] < 0:
            result.open[name] = 0
            result.closed_extra += 1
        if name in _LINE:
            self.space("\n")
        elif name in _BLANK:
            self.space(" ")
        elif name in _PARAGRAPH:
            self.space("\n\n")
        if step > 0:
            self.started(name, rest)

    def started(self, name: str, rest: str) -> None:
        result = self.result
        attributes = _attributes(rest) if rest.strip() else {}
        wanted = _LINKS.get(name)
        if wanted is not None and wanted in attributes:
            self.link(name, attributes[wanted])
        if name == "meta" and "refresh" in attributes.get("http-equiv", "").lower():
            found = _REFRESH.search(attributes.get("content", ""))
            if found is not None:
                self.link(name, found.group(1).partition(";")[0])
        if name == "a":
            result.anchors.append("")
        elif name == "title":
            result.titles.append("")
        elif name == "img":
            result.images += 1
            if result.open.get("a", 0) > 0 and result.anchors:
                result.anchors[-1] += "<img>\n"
            result.image_area += _area(attributes)

    def link(self, name: str, target: str) -> None:
        target = target.strip()
        if not target or len(self.result.links) >= MAX_LINKS:
            return
        if name == "base":
            self.base = target[:MAX_INNER]
        elif self.base and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
            target = f"{self.base.rstrip('/')}/{target.lstrip('/')}"
        self.result.links.append(target[:MAX_TARGET])


def _attributes(rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(rest):
        value = match.group(2) or match.group(3) or match.group(4) or ""
        found.setdefault(match.group(1).lower(), html.unescape(value))
        if len(found) >= MAX_ATTRIBUTES:
            break
    return found


def _area(attributes: dict[str, str]) -> int:
    """Pixels of an image as SpamAssassin guesses them: 800 x 600, or 200 where nothing is said."""
    if "width" not in attributes or "height" not in attributes:
        return 0
    sides = []
    for name, percent in (("width", 8), ("height", 6)):
        found = re.match(r"(\d{1,6})(%)?\Z", attributes[name])
        side = int(found.group(1)) * (percent if found.group(2) else 1) if found else 0
        sides.append(side or 200)
    return sides[0] * sides[1]


def render(source: str) -> Rendered:
    """Render one HTML text."""
    renderer = _Renderer()
    renderer.result.size = len(source)
    source = source.replace("&nbsp;", " ").replace("\u201c", '"').replace("\u201d", '"')
    source = re.sub(r"<(\w+)\s*/>", r"<\1>", source)
    last = source.rfind(">") + 1  # nothing behind it can be a tag
    at = 0
    while renderer.result.tags <= MAX_TAGS:
        found = _OPEN.search(source, at, last)
        if found is None:
            break
        opened = found.start()
        end = _end(source, opened)
        if opened > at:
            renderer.words(html.unescape(source[at:opened]))
        at = _tag(renderer, source, opened, end)
    if at < len(source):
        renderer.words(html.unescape(source[at:]))
    renderer.result.text = "".join(renderer.pieces)
    return renderer.result


def _end(source: str, opened: int) -> int:
    """Where the tag or comment that opens here ends, before the last > of the text."""
    if source.startswith("!--", opened + 1):
        end = source.find("-->", opened + 4)
        return len(source) if end < 0 else end + 3
    if source[opened + 1].isalpha():
        rest = _REST.match(source, opened + 1, opened + WINDOW)
        if rest is not None:
            return rest.end()
    return source.find(">", opened) + 1


def _tag(renderer: _Renderer, source: str, opened: int, end: int) -> int:
    """Take in one tag or comment; where the text goes on."""
    inside = source[opened + 1 : end].removesuffix(">")
    start = _START.match(inside)
    if start is not None:
        name = start.group().lower()
        renderer.tag(name, inside[start.end() :], 1)
        if name in _RAW:
            closing = re.compile(rf"</{name}\b", re.IGNORECASE).search(source, end)
            stop = closing.start() if closing else len(source)
            renderer.words(source[end:stop])
            return stop
    elif inside.startswith("/"):
        name = inside[1:].split(None, 1)[0]
        renderer.tag(name.lower().rstrip("/"), "", -1)
    elif inside.startswith("!--"):
        renderer.result.comments.append(source[opened:end])
    elif inside[1:8].lower() == "doctype":
        renderer.result.tags += 1
        renderer.result.open["!doctype"] = 0
    return end
