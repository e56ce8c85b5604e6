"""tokens - the tokens of a message, hashed, and named on demand.

Owns:   Tokens: of fields, by name; words and word pairs of the text; labelled words, hosts and part fields;
        structure (classify.structure).
Not here: where hashes lead (classify.hashing).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from zlib import crc32

import numpy as np

from filterd.classify.recall import Recall
from filterd.classify.source import MAX_PARTS, Source
from filterd.classify.structure import Word, order, shape, spell

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
_PAIR = np.uint32(0x1B3)
_TEXT_SALT = 1


class Tokens:
    """The tokens of one message in the order of their groups: fields, words, shape, order."""

    def __init__(self, read: Source) -> None:
        self._fields: list[tuple[int, str, list[bytes]]] = []  # first position, key, words
        hashes = array("I")
        for key, words in _field_words(read) if read.is_local else ():
            self._fields.append((len(hashes), key, words))
            hashes.extend(map(crc32, words, repeat(_salt(key))))
        self._singles = len(hashes)  # of the text
        self._text = read.text.translate(_TO_WORDS).split()
        hashes.extend(map(crc32, self._text, repeat(_TEXT_SALT)))
        self._pairs = len(hashes)
        named, built, ordered = _named(read), shape(read), order(read)
        self._rest: list[bytes | Word] = [*named, *built, *ordered]
        hashes.extend(map(crc32, named))
        hashes.extend(map(_HASHES.__getitem__, built))
        hashes.extend(map(_HASHES.__getitem__, ordered))
        found = np.frombuffer(hashes, np.uint32)
        singles = found[self._singles : self._pairs]
        pairs = singles[:-1] * _PAIR + singles[1:]
        self.hashes = np.concatenate((found[: self._pairs], pairs, found[self._pairs :]))
        self._others = self._pairs + len(pairs)
        words_end = self._others + len(named) - self._singles
        self.lengths = (self._singles, words_end, len(built), len(ordered))

    def name(self, position: int) -> str:
        """What was hashed at that position."""
        if position >= self._others:
            word = self._rest[position - self._others]
            return _show(word) if isinstance(word, bytes) else spell(word)
        if position >= self._pairs:
            first = position - self._pairs
            return f"text {_show(b' '.join(self._text[first : first + 2]))}"
        if position >= self._singles:
            return f"text {_show(self._text[position - self._singles])}"
        index = bisect_right(self._fields, position, key=itemgetter(0)) - 1
        while not self._fields[index][2]:  # without words it starts where the next one does
            index -= 1
        start, key, words = self._fields[index]
        return f"{key}: {_show(words[position - start])}"


def _field_words(read: Source) -> Iterator[tuple[str, list[bytes]]]:
    """The words of each field that counts."""
    # One pass for all values: line feeds, which none has after the first, keep them apart.
    raw = b"\n".join([field.raw[:FIELD_BYTES].replace(b"\n", b" ") for _, field in read.fields])
    values = raw.translate(_TO_FIELD_WORDS).split(b"\n")
    for (key, _), value in zip(read.fields, values, strict=False):
        yield key, value.split(None, MAX_TOKENS_A_FIELD)[:MAX_TOKENS_A_FIELD]


@lru_cache(maxsize=1024)
def _salt(key: str) -> int:
    return crc32(key.encode("latin-1", "replace"))


def _hash(word: Word) -> int:
    return crc32(spell(word).encode("utf-8", "replace"))


_HASHES = Recall(_hash)  # words of structure are met again and again


def _named(read: Source) -> list[bytes]:
    """Words, domains, hosts and part fields with what they are of."""
    message = read.message
    found: list[bytes] = []
    for label, field in (
        (b"from ", "from"),
        (b"reply-to ", "reply-to"),
        (b"subject ", "subject"),
    ):
        if field not in read.values:
            continue
        text = read.decoded(field)[:FIELD_BYTES].lower().encode("utf-8", "replace")
        words = text.translate(_TO_WORDS).split()[:MAX_TOKENS_A_FIELD]
        found += [label + word[:MAX_WORD] for word in words]
        if field != "subject":
            for mailbox in message.addresses(field).mailboxes[:3]:
                domain = mailbox.domain.encode("utf-8", "replace")
                found += [label + b"domain " + domain, label + b"site " + last_two(domain)]
    hosts = sorted({link.host for link in read.links if link.host})
    for name in hosts[:MAX_HOSTS]:
        host = name.encode("utf-8", "replace")
        found += [b"host " + host, b"site " + last_two(host)]
    for part in message.parts[:MAX_PARTS]:
        for item in part.header.fields[:10] if part.parent is not None else ():
            if item.key.startswith("content-"):
                label = b"part %s " % item.key[8:40].encode("latin-1")
                words = item.unfolded[:200].translate(_TO_FIELD_WORDS).split()[:12]
                found += [label + word[:MAX_WORD] for word in words]
    return found


def last_two(domain: bytes) -> bytes:
    """The last two labels of a domain."""
    return b".".join(domain.rsplit(b".", 2)[-2:])


def _show(word: bytes) -> str:
    return word.decode("utf-8", "replace")
