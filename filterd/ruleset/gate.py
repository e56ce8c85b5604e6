r"""gate - which of many patterns can match a text, and where, in one pass.

Owns:   Gate.
Not here: which words a pattern needs (literal), looking for its match (match).

Aho-Corasick over the text in lower case with its white space drawn together. Measured on 3,238 words
and 2 kB of mail: 0.1 ms and 1 MB that all workers share. An RE2 set of the same words took 2.2 ms and
64 MB in each worker: it makes new states for each subset of words that a text happens to hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from filterd.ruleset.literal import BOUNDARY, MAX_HELD, Needed

_SPACE = 32
_LOWERED = bytes(
    _SPACE if byte in b"\t\n\v\f\r" else byte for byte in bytes(range(256)).lower()
)
# 1 where RE2's \b over bytes sees a character of a word: [0-9A-Za-z_]
_IN_WORD = bytes(
    byte < 128 and (chr(byte).isalnum() or byte == ord("_")) for byte in range(256)
)
_FREE = 2  # what stands beside the word does not matter


@dataclass(frozen=True, slots=True)
class _Entry:
    """One needed word: the sets it belongs to, what must stand beside it (1, 0 or _FREE)."""

    sets: int  # bit n of plane k: it is of the k-th set of words that pattern n needs
    before: int
    behind: int
    starts: tuple[int, ...]  # patterns of whose first set it is


class Gate:
    """What some patterns need, ready to be looked for; made once, shared by all threads."""

    def __init__(self, needs: Sequence[Needed]) -> None:
        count = len(needs)
        sets_of: dict[bytes, int] = {}
        starts_of: dict[bytes, list[int]] = {}
        complete = 0  # the sets that no word needs to fill
        for index, need in enumerate(needs):
            held = (need.words, *need.also)
            for plane in range(MAX_HELD):
                bit = 1 << (index + plane * count)
                if plane >= len(held):
                    complete |= bit
                    continue
                for word in held[plane]:
                    sets_of[word] = sets_of.get(word, 0) | bit
                    if plane == 0:
                        starts_of.setdefault(word, []).append(index)
        self._count = count
        self._complete = complete
        self._first = (1 << count) - 1
        entries: dict[bytes, list[_Entry]] = {}
        for word, sets in sets_of.items():
            read = _read(word)
            if read is not None:
                bare, before, behind = read
                starts = tuple(starts_of.get(word, ()))
                entries.setdefault(bare, []).append(_Entry(sets, before, behind, starts))
        self._entries = tuple(tuple(found) for found in entries.values())
        self._sets = tuple(_together(found) for found in entries.values())
        self._automaton = (
            BytesAhoCorasick(
                list(entries),
                matchkind=MatchKind.Standard,
                implementation=Implementation.ContiguousNFA,
            )
            if entries
            else None
        )

    def places(self, text: bytes) -> dict[int, list[int]]:
        """Patterns that have a word of each of their sets in the text, with where those of the first begin.

        A place may come more than once; white space of a word may begin later than said.
        """
        if self._automaton is None:
            return {}
        lowered = text.translate(_LOWERED)
        origin = None
        if b"  " in lowered:
            data = np.frombuffer(lowered, np.uint8)
            kept = np.ones(len(data), np.bool_)
            kept[1:] = (data[1:] != _SPACE) | (data[:-1] != _SPACE)
            origin = np.flatnonzero(kept)
            lowered = data[origin].tobytes()
        found = self._automaton.find_matches_as_indexes(lowered, overlapping=True)
        sets = self._sets
        seen = self._complete
        for index in {index for index, _, _ in found}:
            seen |= sets[index]
        wanted = self._whole(seen)  # were there no edges
        if not wanted:
            return {}
        for plane in range(1, MAX_HELD):
            wanted |= (wanted & self._first) << (plane * self._count)
        seen = self._complete
        beside = b"\0%b\0" % lowered.translate(_IN_WORD)
        entries = self._entries
        begins: dict[int, list[int]] = {}
        for index, start, end in found:
            if not sets[index] & wanted:
                continue
            for entry in entries[index]:
                if (entry.before == _FREE or beside[start] == entry.before) and (
                    entry.behind == _FREE or beside[end + 1] == entry.behind
                ):
                    seen |= entry.sets
                    for pattern in entry.starts:
                        begins.setdefault(pattern, []).append(start)
        whole = self._whole(seen)
        return {
            pattern: starts if origin is None else origin[starts].tolist()
            for pattern, starts in begins.items()
            if whole >> pattern & 1
        }

    def _whole(self, seen: int) -> int:
        """Bit n: all sets of words that pattern n needs are among those seen."""
        whole = seen & self._first
        for plane in range(1, MAX_HELD):
            whole &= seen >> (plane * self._count)
        return whole


def _together(entries: Sequence[_Entry]) -> int:
    sets = 0
    for entry in entries:
        sets |= entry.sets
    return sets


def _read(word: bytes) -> tuple[bytes, int, int] | None:
    """The word without its edges, and what must stand before and behind; None if nothing can."""
    bare = word.replace(BOUNDARY, b"")
    if not bare:
        return None
    kinds = bare.translate(_IN_WORD)
    before = behind = _FREE
    at = 0  # in the bare word
    for byte in word:
        if byte != BOUNDARY[0]:
            at += 1
        elif at == 0:
            before = 1 - kinds[0]
        elif at == len(bare):
            behind = 1 - kinds[-1]
        elif kinds[at - 1] == kinds[at]:
            return None
    return bare, before, behind
