"""listing - networks, domains, addresses and words from a file or from the rule itself.

Owns:   Listing, read_list, make_listing.
One entry a line; # starts a comment. A domain entry holds for the domain and all below it, "=name" for
the name alone; an address entry is user@domain, or @domain for all of one domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Protocol

from filterd.core.errors import ConfigProblem
from filterd.mail.domain import to_alabel
from filterd.ruleset.match import word_set

MAX_LIST_FILE = 64 << 20  # bytes
MAX_ENTRIES = 2_000_000
MAX_WORDS = 20_000  # of a word list: they make one automaton
MAX_LINE = 1_000  # characters of an entry


class Listing(Protocol):
    """Says which entry a text falls under."""

    def __len__(self) -> int: ...

    def find(self, text: bytes) -> str:
        """The entry, or "" where the text is not listed."""
        ...


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks by prefix length, so that a look-up is one step a length in use."""

    by_length: tuple[tuple[int, int, frozenset[int]], ...]  # version, length, network >> rest

    def __len__(self) -> int:
        return sum(len(found) for _, _, found in self.by_length)

    def find(self, text: bytes) -> str:
        try:
            address = ip_address(text.decode("ascii", "replace"))
        except ValueError:
            return ""
        for version, length, networks in self.by_length:
            if version == address.version:
                shift = address.max_prefixlen - length
                if int(address) >> shift in networks:
                    return str(ip_network((int(address) >> shift << shift, length)))
        return ""


@dataclass(frozen=True, slots=True)
class Domains:
    """Names; below a name counts as the name, unless it is listed as "=name"."""

    names: frozenset[str]
    exact: frozenset[str]

    def __len__(self) -> int:
        return len(self.names) + len(self.exact)

    def find(self, text: bytes) -> str:
        name = text.decode("utf-8", "replace").strip().rstrip(".").lower()
        if not name.isascii():
            name = to_alabel(name) or name
        if name in self.exact:
            return f"={name}"
        for _ in range(128):  # labels of a name
            if name in self.names:
                return name
            _, dot, name = name.partition(".")
            if not dot:
                break
        return ""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses, compared without regard to case, and @domains."""

    addresses: frozenset[str]
    domains: Domains

    def __len__(self) -> int:
        return len(self.addresses) + len(self.domains)

    def find(self, text: bytes) -> str:
        address = text.decode("utf-8", "replace").strip().strip("<>").lower()
        if address in self.addresses:
            return address or "<>"
        domain = address.rpartition("@")[2] if "@" in address else ""
        found = self.domains.find(domain.encode()) if domain else ""
        return f"@{found}" if found else ""


@dataclass(frozen=True, slots=True)
class Words:
    """Words and phrases, found where no letter or digit touches them; case is ignored."""

    words: tuple[bytes, ...]
    automaton: Any

    def __len__(self) -> int:
        return len(self.words)

    def find(self, text: bytes) -> str:
        return next(iter(self.found(text)), "")

    def found(self, text: bytes) -> Sequence[str]:
        """Every entry that stands in the text."""
        low = " ".join(text.decode("utf-8", "replace").lower().split()).encode()
        hits = self.automaton.Match(low) or ()
        return [
            self.words[number].decode() for number in hits if _stands(low, self.words[number])
        ]


def _stands(low: bytes, word: bytes) -> bool:
    at = low.find(word)
    for _ in range(10_000):
        if at < 0:
            return False
        end = at + len(word)
        if not (_is_letter(low, at - 1) and _is_letter(word, 0)) and not (
            _is_letter(low, end) and _is_letter(word, len(word) - 1)
        ):
            return True
        at = low.find(word, at + 1)
    return False


def _is_letter(text: bytes, at: int) -> bool:
    if not 0 <= at < len(text):
        return False
    code = text[at]
    return code >= 128 or chr(code).isalnum()


def read_list(path: Path) -> tuple[list[tuple[int, str]], list[ConfigProblem]]:
    """(line, entry) of a list file, and what is wrong with it."""
    try:
        if path.stat().st_size > MAX_LIST_FILE:
            return [], [ConfigProblem(str(path), "", f"larger than {MAX_LIST_FILE >> 20} MiB")]
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        return [], [ConfigProblem(str(path), "", error.strerror or "cannot be read")]
    except UnicodeDecodeError:
        return [], [ConfigProblem(str(path), "", "is not UTF-8")]
    entries: list[tuple[int, str]] = []
    problems: list[ConfigProblem] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition(" #")[0].strip() if not line.startswith("#") else ""
        if not entry:
            continue
        if len(entry) > MAX_LINE:
            problems.append(ConfigProblem(str(path), f"{number}:1", "the line is too long"))
        elif len(entries) >= MAX_ENTRIES:
            message = f"more than {MAX_ENTRIES:,} entries"
            return entries, [ConfigProblem(str(path), f"{number}:1", message)]
        else:
            entries.append((number, entry))
    return entries, problems


def make_listing(
    kind: str, entries: Iterable[tuple[int, str]]
) -> tuple[Listing, list[tuple[int, str]]]:
    """The listing of that kind and (number, what is wrong) of the entries it could not take."""
    match kind:
        case "network":
            return _networks(entries)
        case "domain":
            return _domains(entries)
        case "address":
            return _addresses(entries)
        case _:
            return _words(entries)


def _networks(entries: Iterable[tuple[int, str]]) -> tuple[Listing, list[tuple[int, str]]]:
    found: dict[tuple[int, int], set[int]] = {}
    wrong: list[tuple[int, str]] = []
    for number, entry in entries:
        try:
            network: IPv4Network | IPv6Network = ip_network(entry)
        except ValueError as error:
            wrong.append((number, str(error)))
            continue
        shift = network.max_prefixlen - network.prefixlen
        key = (network.version, network.prefixlen)
        found.setdefault(key, set()).add(int(network.network_address) >> shift)
    longest_first = sorted(found.items(), key=lambda item: -item[0][1])
    return Networks(tuple((*key, frozenset(nets)) for key, nets in longest_first)), wrong


def _domains(entries: Iterable[tuple[int, str]]) -> tuple[Domains, list[tuple[int, str]]]:
    names: set[str] = set()
    exact: set[str] = set()
    wrong: list[tuple[int, str]] = []
    for number, entry in entries:
        name = entry.removeprefix("=").removeprefix("*.").strip(".")
        alabel = name.lower() if name.isascii() else to_alabel(name)
        if not alabel or any(c in alabel for c in " /@:") or ".." in alabel:
            wrong.append((number, f"{entry!r} is no domain name"))
        else:
            (exact if entry.startswith("=") else names).add(alabel)
    return Domains(frozenset(names), frozenset(exact)), wrong


def _addresses(entries: Iterable[tuple[int, str]]) -> tuple[Listing, list[tuple[int, str]]]:
    addresses: set[str] = set()
    domains: list[tuple[int, str]] = []
    wrong: list[tuple[int, str]] = []
    for number, entry in entries:
        local, at, domain = entry.rpartition("@")
        if entry == "<>":
            addresses.add("")
        elif not at or not domain or " " in entry:
            wrong.append((number, f"{entry!r} is no address; write user@domain or @domain"))
        elif local:
            addresses.add(entry.lower())
        else:
            domains.append((number, domain))
    listed, more = _domains(domains)
    return Addresses(frozenset(addresses), listed), wrong + more


def _words(entries: Iterable[tuple[int, str]]) -> tuple[Listing, list[tuple[int, str]]]:
    words: dict[bytes, None] = {}
    wrong: list[tuple[int, str]] = []
    for number, entry in entries:
        if len(words) >= MAX_WORDS:
            wrong.append((number, f"more than {MAX_WORDS:,} words"))
            break
        words[" ".join(entry.lower().split()).encode()] = None
    return Words(tuple(words), word_set(words)), wrong
