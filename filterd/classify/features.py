"""features - a message as distinct hashed features, in groups that views share.

Owns:   VERSION (part of every model), Features, the groups and which views are made of them.
Not here: what may be read (classify.source), how a message is built (classify.structure), weights.

Groups: authored (5-grams of From, Subject, ...), body (5-grams of the decoded body), head (5-grams of
the raw head), words (subject, author, text, hosts, part fields), shape (structure), order (order and
spelling of fields), fields (tokens of every field, by name).
Views (the CLASSIFIER study, section 5): A, C and B3 travel between sites and make the shipped model;
F and T read the site's own fields too and are for local labels only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from filterd.classify import source as source_texts
from filterd.classify.hashing import Group, grams, tokens
from filterd.classify.source import Source
from filterd.classify.structure import order, shape
from filterd.mail.message import Message

VERSION = 1

GROUPS = ("authored", "body", "head", "words", "shape", "order", "fields")
VIEWS: dict[str, tuple[str, ...]] = {
    "A": ("authored", "body"),
    "C": ("words", "shape"),
    "B3": ("shape", "order"),
    "F": ("head", "body"),
    "T": ("fields", "words"),
}
SHIPPED_VIEWS = ("A", "C", "B3")
LOCAL_VIEWS = ("A", "C", "B3", "F", "T")

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
    byte if byte in _FIELD_BYTES else 0x20 for byte in bytes(range(256)).lower()
)


@dataclass(frozen=True, slots=True)
class Features:
    """The groups of one message by name."""

    groups: dict[str, Group]

    def view(self, view: str) -> Iterator[Group]:
        """The groups of a view that were asked for."""
        for name in VIEWS[view]:
            if name in self.groups:
                yield self.groups[name]

    def size(self, view: str) -> int:
        """How many features the view has."""
        return sum(len(group) for group in self.view(view))


def extract(message: Message, views: Iterable[str] = LOCAL_VIEWS) -> Features:
    """The features of a message for these views; any message gives features."""
    wanted = {group for view in views for group in VIEWS[view]}
    read = source_texts.read(message)
    return Features({name: _MAKERS[name](read) for name in GROUPS if name in wanted})


def _words(read: Source) -> Group:
    """Words and neighbouring pairs of the text; words, domains and hosts with what they are of."""
    plain = [word[:MAX_WORD] for word in read.text.translate(_TO_WORDS).split()]
    single = np.fromiter(map(crc32, plain, repeat(1)), dtype=np.uint64, count=len(plain))
    pairs = (single[:-1] * np.uint64(0x100000001B3) + single[1:]) & np.uint64(0xFFFFFFFF)
    named = list(_named_words(read))
    others = np.fromiter(map(crc32, named), dtype=np.uint64, count=len(named))

    def name(index: int) -> str:
        if index < len(plain):
            return f"word {_show(plain[index])}"
        index -= len(plain)
        if index < len(pairs):
            return f"words {_show(plain[index])} {_show(plain[index + 1])}"
        return _show(named[index - len(pairs)])

    return tokens("words", np.concatenate((single, pairs, others)), name)


def _named_words(read: Source) -> Iterator[bytes]:
    message = read.message
    for field in ("from", "reply-to", "subject"):
        if field not in message.header:
            continue
        label = field.encode()
        text = message.decoded(field)[:FIELD_BYTES].lower().encode("utf-8", "replace")
        for word in text.translate(_TO_WORDS).split()[:MAX_TOKENS_A_FIELD]:
            yield b"%s %s" % (label, word[:MAX_WORD])
        if field != "subject":
            for mailbox in message.addresses(field).mailboxes[:3]:
                domain = mailbox.domain.encode("utf-8", "replace")
                yield b"%s domain %s" % (label, domain)
                yield b"%s site %s" % (label, last_two(domain))
    hosts = {link.host for link in message.links[:300] if link.host}
    for host in sorted(hosts)[:MAX_HOSTS]:
        encoded = host.encode("utf-8", "replace")
        yield b"host %s" % encoded
        yield b"site %s" % last_two(encoded)
    for part in message.parts[: source_texts.MAX_PARTS]:
        for item in part.header.fields[:10] if part.parent is not None else ():
            if item.key.startswith("content-"):
                for word in item.unfolded[:200].translate(_TO_FIELD_WORDS).split()[:12]:
                    yield b"part %s %s" % (item.key[8:].encode("latin-1"), word[:MAX_WORD])


def _fields(read: Source) -> Group:
    """Tokens of every field that counts, each with the name of its field."""
    hashes: list[int] = []
    made: list[tuple[int, str, list[bytes]]] = []
    for field in read.fields:
        value = field.raw[: 2 * FIELD_BYTES].translate(_TO_FIELD_WORDS)
        words = value[:FIELD_BYTES].split()[:MAX_TOKENS_A_FIELD]
        made.append((len(hashes), field.key, words))
        hashes.extend(map(crc32, words, repeat(crc32(field.key.encode("latin-1", "replace")))))

    def name(index: int) -> str:
        for start, key, words in reversed(made):
            if start <= index:
                return f"{key}: {_show(words[index - start])}"
        return ""

    return tokens("fields", np.array(hashes, dtype=np.uint64), name)


def _strings(kind: str, names: list[str]) -> Group:
    encoded = [name.encode("utf-8", "replace") for name in names]
    hashes: NDArray[np.uint64] = np.fromiter(
        map(crc32, encoded), dtype=np.uint64, count=len(encoded)
    )
    return tokens(kind, hashes, names.__getitem__)


def last_two(domain: bytes) -> bytes:
    """The last two labels of a domain."""
    return b".".join(domain.rsplit(b".", 2)[-2:])


def _show(word: bytes) -> str:
    return word.decode("utf-8", "replace")


_MAKERS = {
    "authored": lambda read: grams("authored", read.authored, salt=1),
    "body": lambda read: grams("body", read.body, salt=2),
    "head": lambda read: grams("head", read.raw_head, salt=3),
    "words": _words,
    "shape": lambda read: _strings("shape", shape(read)),
    "order": lambda read: _strings("order", order(read)),
    "fields": _fields,
}
