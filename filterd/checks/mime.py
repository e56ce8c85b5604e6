"""mime - how the message is put together: structure, encodings, character sets, limits reached.

Owns:   symbols MIME_*, OVERSIZE.
Asks:   nothing.
Not here: files (checks.attachment), HTML (checks.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.charset import codec_of
from filterd.mail.message import Message
from filterd.mail.mime import Part

SAMPLE = 20_000  # bytes of a part that are looked at
MARKED = {
    "too-many-parts": "MIME_TOO_MANY_PARTS",
    "too-deep": "MIME_TOO_DEEP",
    "no-boundary": "MIME_BROKEN",
    "no-parts": "MIME_BROKEN",
    "long-boundary": "MIME_BROKEN",
    "unclosed": "MIME_UNCLOSED",
    "same-boundary": "MIME_BROKEN",
    "encoded-multipart": "MIME_ENCODED_MULTIPART",
    "oversize": "OVERSIZE",
    "header-too-long": "MIME_HEADER_LONG",
}
# Character sets of languages that are not written in ASCII, as Python names them.
FAR = frozenset(
    {"cp1251", "koi8_r", "koi8_u", "cp1253", "cp1255", "cp1256", "gb18030", "big5hkscs", "cp949",
     "cp932", "iso2022_jp_ext", "euc_jp", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "cp874"}
)  # fmt: skip


class Settings(CheckSettings):
    """Whether the structure is looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Anomalies of structure and encoding, each at most once."""
    message = tx.message
    said: set[str] = set()
    for hit in (*_limits(message), *_structure(message), *_texts(message)):
        if hit.symbol not in said:
            said.add(hit.symbol)
            yield hit


def _limits(message: Message) -> Iterator[Hit]:
    for mark in sorted(message.marks):
        symbol = MARKED.get(mark)
        if symbol is not None:
            yield Hit(symbol, mark)


def _structure(message: Message) -> Iterator[Hit]:
    root = message.parts[0]
    header = message.header
    if "mime-version" not in header and "content-type" in header:
        yield Hit("MIME_NO_VERSION")
    if root.is_html:
        yield Hit("MIME_HTML_ONLY")
    for part in message.parts:
        defects = part.marked
        if defects:
            yield from _defects(part)
        if part.content_type == "multipart/alternative":
            kinds = [one.content_type for one in message.parts if one.parent == part.index]
            if len(kinds) == 1:
                yield Hit("MIME_ALTERNATIVE_SINGLE", kinds[0])


def _defects(part: Part) -> Iterator[Hit]:
    defects = part.marked
    if defects & {"several-content-type", "several-transfer-encoding", "duplicate-parameter"}:
        yield Hit("MIME_DUPLICATE", ", ".join(sorted(defects)))
    if defects & {"bad-content-type", "unknown-transfer-encoding"}:
        yield Hit("MIME_UNKNOWN", f"{part.content_type} {part.transfer_encoding}"[:100])
    if defects & {"too-many-parameters", "long-field"}:
        yield Hit("MIME_PARAMETERS")
    if "encoded-message" in defects:
        yield Hit("MIME_ENCODED_MESSAGE")


def _texts(message: Message) -> Iterator[Hit]:
    shown = [
        part
        for part in message.parts
        if (part.is_text or part.is_html) and not part.is_attachment
    ]
    if not message.text.strip() and not message.attachments:
        yield Hit("MIME_EMPTY")
    for part in shown:
        sample = part.source[part.body_start : min(part.body_end, part.body_start + SAMPLE)]
        if part.transfer_encoding == "7bit" and not sample.isascii():
            declared = "content-transfer-encoding" in part.header
            yield Hit("MIME_8BIT_IN_7BIT" if declared else "MIME_8BIT_UNDECLARED")
        codec = codec_of(part.charset) if part.charset else "ascii"
        if codec is None:
            yield Hit("MIME_CHARSET_UNKNOWN", part.charset)
        text = part.text[:SAMPLE]
        if codec in FAR and len(text) >= 40 and text.isascii() and codec != "iso2022_jp_ext":
            yield Hit("MIME_CHARSET_FAR", part.charset)
        if part.transfer_encoding == "base64" and text.isascii() and len(text) >= 20:
            yield Hit("MIME_BASE64_TEXT")
        if part.content_type == "text/plain" and text[:200].lstrip()[:6].lower() in {
            "<html>",
            "<!doct",
        }:
            yield Hit("MIME_HTML_AS_PLAIN")
    yield from _alternatives(message)


def _alternatives(message: Message) -> Iterator[Hit]:
    """A plain part that is not the text of the HTML beside it."""
    for part in message.parts:
        if part.content_type != "text/plain" or part.parent is None or part.is_attachment:
            continue
        around = message.parts[part.parent]
        if around.content_type != "multipart/alternative" or not message.html:
            continue
        plain = _whole(part.text[:SAMPLE].lower().split())
        shown = " ".join(document.visible[:SAMPLE] for document in message.html).lower().split()
        common = len(plain.intersection(shown))
        if plain and (len(plain) < 50 or common * 5 >= len(plain)):
            return  # nearly all mail
        html = len(_whole(shown))
        if plain and html >= 5 and common * 2 < html:
            yield Hit("MIME_ALTERNATIVE_DIFFERS", f"{common} of {len(plain)} words")
        if not plain and html >= 20:
            yield Hit("MIME_ALTERNATIVE_EMPTY")
        return


def _whole(words: Iterable[str]) -> set[str]:
    """The whole words of letters; what stands in links is none."""
    return {word for word in set(words) if len(word) > 3 and word.isalpha()}


CHECK = Check(
    name="mime",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "MIME_TOO_MANY_PARTS", "MIME_TOO_DEEP", "MIME_BROKEN", "MIME_UNCLOSED",
        "MIME_ENCODED_MULTIPART", "MIME_ENCODED_MESSAGE", "OVERSIZE", "MIME_HEADER_LONG",
        "MIME_NO_VERSION", "MIME_HTML_ONLY", "MIME_ALTERNATIVE_SINGLE", "MIME_ALTERNATIVE_DIFFERS",
        "MIME_ALTERNATIVE_EMPTY", "MIME_DUPLICATE", "MIME_UNKNOWN", "MIME_PARAMETERS", "MIME_EMPTY",
        "MIME_8BIT_IN_7BIT", "MIME_8BIT_UNDECLARED", "MIME_CHARSET_UNKNOWN", "MIME_CHARSET_FAR",
        "MIME_BASE64_TEXT", "MIME_HTML_AS_PLAIN",
    ),
)  # fmt: skip
