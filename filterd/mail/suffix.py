"""suffix - the public suffix list: how many labels of a name are a public suffix.

Owns:   Suffixes, load.
Asks:   publicsuffixlist for the list itself. Not for the answers: kept as it keeps them, the names are 1.2 MB of
        strings, of which each worker writes to half as it counts references, and it looks a name up three times
        for each of its labels.
Rules of this file: of the rules that match a name the longest counts, at one place an exception before a wildcard
        before a name; without a rule the last label is the suffix (publicsuffix.org/list).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache

_NAME, _WILDCARD, _EXCEPTION = 1, 2, 4


class Suffixes:
    """The rules, and every name above one, so that a walk from the top ends at the first name that is none.

    A name is kept as its hash, which is the process's own (keyed, 64 bits): that another name has the hash of
    one of 10,000 has a chance of 1 in 10^15.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        kinds: dict[str, int] = {}
        for rule in rules:
            name = rule.removeprefix("!").removeprefix("*.")
            kind = _EXCEPTION if rule[0] == "!" else _WILDCARD if rule[0] == "*" else _NAME
            kinds[name] = kinds.get(name, 0) | kind
            while name := name.partition(".")[2]:
                kinds.setdefault(name, 0)
        found = sorted((hash(name), kind) for name, kind in kinds.items())
        self._hashes = array("q", [number for number, _ in found])
        self._kinds = bytes(kind for _, kind in found)

    def labels(self, name: str) -> int:
        """How many labels of the name are its public suffix; 0 where no rule says so."""
        hashes = self._hashes
        found = depth = 0
        end = len(name)
        while end > 0:
            depth += 1
            end = name.rfind(".", 0, end)
            number = hash(name[end + 1 :])
            place = bisect_left(hashes, number)
            if place == len(hashes) or hashes[place] != number:
                break
            kind = self._kinds[place]
            if kind & _EXCEPTION:
                found = depth - 1
            elif kind & _WILDCARD:
                found = depth + (
                    end > 0
                )  # without a label in its place the rest is one all the same
            elif kind:
                found = depth
        return found


@cache
def load() -> Suffixes:
    """The list, read once (100 ms): call it before forking so that workers share it."""
    return Suffixes(_rules())


def _rules() -> Iterator[str]:
    from publicsuffixlist import PSLFILE, encode_idn

    with open(PSLFILE, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            rule = line.partition(" ")[0].strip().lower()
            if rule and not rule.startswith("//"):
                yield rule
                if not rule.isascii():
                    yield encode_idn(rule)
