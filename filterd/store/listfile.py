"""listfile - lists that an admin edits: networks, domains, addresses; one a line, read again by themselves.

Owns:   Entry, AdminList, ListFile, parse.
        192.0.2.0/24   2001:db8::/32   192.0.2.7      a network or one address
        example.org                                   a domain and everything below it
        @example.org                                  addresses at exactly that domain
        ann@example.org                               one mail address
        WORD...  unsafe                               believe it without proof (allow lists only)
        # comment, also behind an entry
Rules of this file: a mistake in a line loses that line, never the list; a file that cannot be read
        keeps what was read before. Looking whether a file changed costs one stat a second.
Not here: what a match means (checks.allow, checks.trap).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from filterd.core.errors import ConfigProblem
from filterd.mail.domain import is_public_suffix, to_alabel

log = logging.getLogger("filterd.store")

MAX_BYTES = 64 << 20  # of one file; a million lines
LOOK_EVERY = 1.0  # seconds
LARGE = 64 << 10  # bytes from which a changed file is read in the background
UNREADABLE = (-1,)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that counts."""

    text: str  # as written
    file: str
    line: int
    is_unsafe: bool = False

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class AdminList:
    """What one file says; look-ups take time in the number of prefix lengths or labels, not of lines."""

    networks: dict[tuple[int, int], dict[int, Entry]] = field(default_factory=dict)
    domains: dict[str, Entry] = field(default_factory=dict)
    addresses: dict[str, Entry] = field(default_factory=dict)
    problems: tuple[ConfigProblem, ...] = ()

    def __len__(self) -> int:
        networks = sum(len(found) for found in self.networks.values())
        return networks + len(self.domains) + len(self.addresses)

    def client(self, address: IPv4Address | IPv6Address) -> Entry | None:
        """The entry of the smallest network that holds the client."""
        if not self.networks:
            return None
        number, version = int(address), address.version
        for (of_version, shift), entries in self.networks.items():
            if of_version == version and (entry := entries.get(number >> shift)) is not None:
                return entry
        return None

    def domain(self, name: str) -> Entry | None:
        """The entry of the domain or of the nearest one above it."""
        name = name.lower().rstrip(".") if self.domains else ""
        while name:
            if (entry := self.domains.get(name)) is not None:
                return entry
            name = name.partition(".")[2]
        return None

    def address(self, address: str) -> Entry | None:
        """The entry of the mail address, of its exact domain, or of a domain above."""
        local, at, domain = address.rpartition("@")
        if not at:
            return self.addresses.get(address.lower())
        domain = (to_alabel(domain) or domain).lower()
        found = None
        if self.addresses:
            found = self.addresses.get(f"{local.lower()}@{domain}") or self.addresses.get(
                f"@{domain}"
            )
        return found or self.domain(domain)


def read(path: str, *, is_allow: bool = False) -> AdminList:
    """The list in that file; OSError where it cannot be read."""
    with Path(path).open("rb") as source:
        text = source.read(MAX_BYTES).decode("utf-8-sig", "replace")
    return parse(text, path, is_allow=is_allow)


def mistakes(paths: Iterable[str], *, is_allow: bool = False) -> Iterator[str]:
    """What is wrong with these files: those that cannot be read, and lines that are no entry."""
    for path in paths:
        try:
            yield from map(str, read(path, is_allow=is_allow).problems)
        except OSError as error:
            yield f"{path}: {error.strerror}"


def parse(text: str, file: str, *, is_allow: bool = False) -> AdminList:
    """The list; every mistake is in `problems`, with its line."""
    networks: dict[tuple[int, int], dict[int, Entry]] = {}
    domains: dict[str, Entry] = {}
    addresses: dict[str, Entry] = {}
    problems: list[ConfigProblem] = []

    def wrong(number: int, what: str) -> None:
        problems.append(ConfigProblem(file, str(number), what))

    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        key, *flags = words
        unknown = [flag for flag in flags if flag != "unsafe"]
        if unknown:
            wrong(
                number, f'"{unknown[0]}" is not known here; only "unsafe" may follow an entry'
            )
            continue
        entry = Entry(" ".join(words), file, number, bool(flags))
        if (network := _network(key)) is not None:
            shift = network.max_prefixlen - network.prefixlen
            networks.setdefault((network.version, shift), {}).setdefault(
                int(network.network_address) >> shift, entry
            )
            continue
        local, at, domain = key.rpartition("@")
        name = to_alabel(domain.removeprefix("."))
        if name is None or (not at and "." not in name):
            wrong(number, f'"{key}" is no network, domain or address')
        elif at:
            addresses.setdefault(f"{local.lower()}@{name}", entry)
        elif is_allow and is_public_suffix(name):
            wrong(number, f'"{key}" would allow a whole registry')
        else:
            domains.setdefault(name, entry)
    ordered = dict(sorted(networks.items(), key=lambda item: item[0][1]))  # smallest first
    return AdminList(ordered, domains, addresses, tuple(problems))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if not (text[:1].isdigit() or ":" in text):
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


class ListFile:
    """One file, as it is now. Thread-safe."""

    def __init__(self, path: str, *, is_allow: bool = False) -> None:
        self.path = path
        self._is_allow = is_allow
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._version: tuple[int, ...] = ()
        self._list = AdminList()

    def current(self, monotonic: float) -> AdminList:
        """The list; looks at the file when a second has gone by since the last look."""
        if monotonic - self._looked < LOOK_EVERY:
            return self._list
        with self._lock:
            if monotonic - self._looked >= LOOK_EVERY:
                self._look()
                self._looked = monotonic
        return self._list

    def _look(self) -> None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - 2 us against 6
        except OSError as error:
            self._unreadable(error)
            return
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if version == self._version:
            return
        is_known = len(self._version) > 1
        self._version = version
        if is_known and status.st_size > LARGE:  # 10 us a line: nobody's message waits for that
            threading.Thread(target=self._load, name="list", daemon=True).start()
        else:
            self._load()

    def _load(self) -> None:
        try:
            found = read(self.path, is_allow=self._is_allow)
        except OSError as error:
            self._unreadable(error)
            return
        for problem in found.problems[:20]:
            log.warning("list %s", problem)
        log.info("list %s: %d entries", self.path, len(found))
        self._list = found

    def _unreadable(self, error: OSError) -> None:
        if self._version != UNREADABLE:
            self._version = UNREADABLE
            log.warning("list %s cannot be read, its last state holds: %s", self.path, error)


_FILES: dict[tuple[str, bool], ListFile] = {}  # one copy a process, whoever asks


def lists(
    paths: Iterable[str], monotonic: float, *, is_allow: bool = False
) -> Sequence[AdminList]:
    """The lists in these files, as they are now."""
    found = []
    for path in paths:
        file = _FILES.get((path, is_allow))
        if file is None:
            file = _FILES.setdefault((path, is_allow), ListFile(path, is_allow=is_allow))
        found.append(file.current(monotonic))
    return found
