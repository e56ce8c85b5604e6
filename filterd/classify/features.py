"""features - a message as distinct hashed features, in groups of which views are runs.

Owns:   VERSION (part of every model), GROUPS, VIEWS, Features, `extract`.
Not here: what may be read (classify.source), how a message is built (classify.structure), weights.

Groups, in this order: authored (5-grams of From, Subject, ...), body (5-grams of the decoded body), head
(5-grams of the raw head), fields (tokens of every field, by name), words (subject, author, text, hosts,
part fields), shape (structure), order (order and spelling of fields). A view is a run of neighbouring
groups, so that its score is one gather from one row of weights.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, repeat
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from filterd.classify import source as source_texts
from filterd.classify.hashing import MAX_FEATURES, Slots, distinct, gram_slots, token_slots
from filterd.classify.source import Source
from filterd.classify.structure import order, shape
from filterd.mail.message import Message

VERSION = 3

GROUPS = ("authored", "body", "head", "fields", "words", "shape", "order")
_AT = {name: index for index, name in enumerate(GROUPS)}


class View(NamedTuple):
    """A run of groups, and how much its score counts beside the others'."""

    first: int
    last: int
    weight: float  # on mail of a kind never seen
    weight_known: float  # on mail like that which was learned


# Words are a coin toss on mail of a kind never seen, structure is not (5 % against 25-45 %), so there it
# has a vote of its own. On mail like that which was learned structure only blurs what words know
# ((1-AUC) 0.0275 % without, 0.0746 % with it). models/README.md has the figures.
VIEWS = {
    "text": View(_AT["authored"], _AT["body"], 0.5, 1.0),
    "words": View(_AT["words"], _AT["shape"], 0.5, 1.0),
    "shape": View(_AT["shape"], _AT["shape"], 1.0, 0.0),
    "order": View(_AT["shape"], _AT["order"], 0.5, 0.0),
    # Hops and marks of the site: local labels only.
    "site": View(_AT["body"], _AT["head"], 0.5, 1.0),
    "fields": View(_AT["fields"], _AT["words"], 0.5, 1.0),
}
SHIPPED_VIEWS = ("text", "words", "shape", "order")
LOCAL_VIEWS = ("text", "words", "shape", "order", "site", "fields")

MAX_HOSTS = 60
MAX_TOKENS_A_FIELD = 60
FIELD_BYTES = 400
MAX_WORD = 40  # bytes; longer ones are cut

# Letters, digits, bytes above ASCII and a few marks stay; all else separates words.
_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789$%'!-") | frozenset(
    range(128, 256)
)
_TO_WORDS = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))
_FIELD_BYTES = _WORD_BYTES | frozenset(b"._@")
_TO_FIELD_WORDS = bytes(
    byte if byte in _FIELD_BYTES or byte == 0x0A else 0x20 for byte in bytes(range(256)).lower()
)
_ONE_LINE = bytes(0x20 if byte == 0x0A else byte for byte in range(256))
_PAIR = np.uint64(0x100000001B3)
_BITS_32 = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Features:
    """Distinct slots, group after group; `bounds` says where each of the seven starts and ends."""

    slots: Slots
    bounds: tuple[int, ...]
    candidates: Candidates | None = None  # what the slots were; None when read back from a file

    def run(self, view: str) -> tuple[int, int]:
        """Where the view starts and ends in `slots`."""
        found = VIEWS[view]
        return self.bounds[found.first], self.bounds[found.last + 1]

    def view(self, name: str) -> Slots:
        """The slots of one view."""
        start, stop = self.run(name)
        return self.slots[start:stop]

    def group(self, name: str) -> Slots:
        """The slots of one group."""
        at = _AT[name]
        return self.slots[self.bounds[at] : self.bounds[at + 1]]


def extract(message: Message, *, is_local: bool = True) -> Features:
    """The features of a message; any message gives features. Without `is_local` two groups stay empty."""
    read = source_texts.read(message, is_local=is_local)
    texts = (read.authored, read.body, read.head)
    tokens = Tokens(read)
    grams = gram_slots([(text, salt) for salt, text in enumerate(texts, 1)])
    found = token_slots(tokens.hashes)
    slots = np.concatenate((*grams, found))[:MAX_FEATURES]
    starts = (0, *accumulate((*map(len, grams), *tokens.lengths)))
    kept = distinct(slots)
    bounds = tuple(np.searchsorted(kept, starts).tolist())
    return Features(slots[kept], bounds, Candidates(texts, tokens, starts, kept))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Everything that was hashed, and which of it was kept: where names come from."""

    texts: tuple[bytes, bytes, bytes]  # of the three gram groups
    tokens: Tokens
    starts: tuple[int, ...]  # of each group among all candidates
    kept: NDArray[np.intp]  # position of each slot among all candidates

    def places(self, bounds: tuple[int, ...]) -> NDArray[np.intp]:
        """Where in the joined texts the kept grams start."""
        found = self.kept[: bounds[len(self.texts)]].copy()
        offset = 0
        for group, text in enumerate(self.texts):
            found[bounds[group] : bounds[group + 1]] += offset - self.starts[group]
            offset += len(text)
        return found

    def token(self, index: int) -> str:
        """What stands behind slots[index] of a token group."""
        return self.tokens.name(int(self.kept[index]) - self.starts[len(self.texts)])


class Tokens:
    """The tokens of one message in the order of their groups, hashed, and named on demand."""

    def __init__(self, read: Source) -> None:
        self._fields: list[tuple[int, str, list[bytes]]] = []  # first position, key, words
        fields: list[int] = []
        if read.is_local and read.fields:
            # One pass for all values: newlines, which none has after this, keep them apart.
            raw = b"\n".join([f.raw[:FIELD_BYTES].translate(_ONE_LINE) for _, f in read.fields])
            values = raw.translate(_TO_FIELD_WORDS).split(b"\n")
            for (key, _), value in zip(read.fields, values, strict=True):
                words = value.split()
                del words[MAX_TOKENS_A_FIELD:]
                self._fields.append((len(fields), key, words))
                fields.extend(map(crc32, words, repeat(_salt(key))))
        self._text = read.text.translate(_TO_WORDS).split()
        named, built, ordered = _named(read), _encoded(shape(read)), _encoded(order(read))
        self._rest = named + built + ordered
        singles = np.fromiter(map(crc32, self._text, repeat(1)), np.uint64, len(self._text))
        pairs = (singles[:-1] * _PAIR + singles[1:]) & _BITS_32
        self.hashes = np.concatenate(
            (
                np.array(fields, dtype=np.uint64),
                singles,
                pairs,
                np.fromiter(map(crc32, self._rest), np.uint64, len(self._rest)),
            )
        )
        self._singles = len(fields)
        self._pairs = self._singles + len(singles)
        self._others = self._pairs + len(pairs)
        words_end = self._others + len(named) - self._singles
        self.lengths = (len(fields), words_end, len(built), len(ordered))

    def name(self, position: int) -> str:
        """What was hashed at that position."""
        if position >= self._others:
            return _show(self._rest[position - self._others])
        if position >= self._pairs:
            first = position - self._pairs
            return f"text {_show(b' '.join(self._text[first : first + 2]))}"
        if position >= self._singles:
            return f"text {_show(self._text[position - self._singles])}"
        index = bisect_right(self._fields, position, key=lambda entry: entry[0]) - 1
        while not self._fields[index][
            2
        ]:  # a field without words starts where the next one does
            index -= 1
        start, key, words = self._fields[index]
        return f"{key}: {_show(words[position - start])}"


@lru_cache(maxsize=4096)
def _salt(key: str) -> int:
    return crc32(key.encode("latin-1", "replace"))


def _named(read: Source) -> list[bytes]:
    """Words, domains, hosts and part fields with what they are of."""
    message = read.message
    found: list[bytes] = []
    for label, field in (
        (b"from ", "from"),
        (b"reply-to ", "reply-to"),
        (b"subject ", "subject"),
    ):
        if field not in message.header:
            continue
        text = read.decoded(field)[:FIELD_BYTES].lower().encode("utf-8", "replace")
        words = text.translate(_TO_WORDS).split()[:MAX_TOKENS_A_FIELD]
        found += [label + word[:MAX_WORD] for word in words]
        if field != "subject":
            for mailbox in message.addresses(field).mailboxes[:3]:
                domain = mailbox.domain.encode("utf-8", "replace")
                found += [label + b"domain " + domain, label + b"site " + last_two(domain)]
    hosts = sorted({link.host for link in read.links if link.host})
    for host in _encoded(hosts[:MAX_HOSTS]):
        found += [b"host " + host, b"site " + last_two(host)]
    for part in message.parts[: source_texts.MAX_PARTS]:
        for item in part.header.fields[:10] if part.parent is not None else ():
            if item.key.startswith("content-"):
                label = b"part %s " % item.key[8:40].encode("latin-1")
                words = item.unfolded[:200].translate(_TO_FIELD_WORDS).split()[:12]
                found += [label + word[:MAX_WORD] for word in words]
    return found


def last_two(domain: bytes) -> bytes:
    """The last two labels of a domain."""
    return b".".join(domain.rsplit(b".", 2)[-2:])


def _encoded(tokens: Iterable[str]) -> list[bytes]:
    return [token.encode("utf-8", "replace") for token in tokens]


def _show(word: bytes) -> str:
    return word.decode("utf-8", "replace")
