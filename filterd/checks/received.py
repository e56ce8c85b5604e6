"""received - what the Received fields claim, and where they contradict themselves.

Owns:   symbols RECEIVED_*.
Asks:   nothing.
Not here: the client of this session (checks.connection): these fields are what others wrote, and only
        signs. A message that comes straight from a home line, or whose first server was told "User" as
        a name, was written by no mail program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.mail.domain import organizational
from filterd.mail.trace import Hop

MAX_HOPS = 12  # looked at; each costs some 20 us

_DYNAMIC = re.compile(
    r"(?:^|[.\-_0-9])(?:a?dsl|dial(?:up|in)?|dyn(?:amic)?(?:ip)?|cable|pools?|ppp(?:oe)?|dhcp|broadband|cpe"
    r"|client|customers?|catv|modem|home|wireless|speedy|retail|user|host)(?:[.\-_0-9]|$)"
)
_ADDRESS_IN_NAME = re.compile(r"(?:^|\D)(?:\d{1,3}[.\-_x]){3}\d{1,3}(?:\D|$)|\d{9,12}")
_GARBLED = re.compile(
    r"\bid\s[^\s;()<>]{0,40}[*'&!|]|\bwith e?smtps? \([^)]{0,30}[*'&!|]", re.IGNORECASE
)
# By text, as ipaddress takes 20 us an address; RFC 6890. Hop.from_address is in normal form.
_NOT_PUBLIC = re.compile(
    r"(?:0|10|127)\.|169\.254\.|192\.168\.|192\.0\.[02]\.|198\.(?:1[89]|51\.100)\.|203\.0\.113\."
    r"|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|(?:22[4-9]|2[3-5]\d)\."
    r"|::1?\Z|f[cdf]|fe[89ab]|2001:db8:"
)
_BARE_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")


class Settings(CheckSettings):
    """Whether the trace is looked at."""


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Signs in the Received fields, oldest and newest."""
    hops = tx.message.hops
    if not hops:
        yield Hit("RECEIVED_NONE")
        return
    outside = [hop for hop in hops[:MAX_HOPS] if _is_public(hop.from_address)]
    for hop in outside:
        name = hop.from_name
        if (
            _BARE_IPV4.match(name) is not None
            and f"[{name}]" not in hop.raw.partition(" by ")[0]
        ):
            yield Hit("RECEIVED_HELO_ADDRESS", name)
            break
    for hop in hops[:MAX_HOPS]:
        if hop.from_name.lower() == "user":
            yield Hit("RECEIVED_HELO_USER", hop.from_address)
            break
    if outside:
        yield from _oldest(outside[-1])
    yield from _dates(hops)
    yield from _invented(hops[:MAX_HOPS])


def _oldest(hop: Hop) -> Iterator[Hit]:
    """The server nearest to the writer, as far as it can be seen."""
    name, by = hop.from_name.lower(), hop.by
    is_submission = "A" in hop.protocol.removeprefix("ESMTP") or "HTTP" in hop.protocol
    site = organizational(by) if "." in by else by
    if name and by and (name == by or (site and name == site)):
        yield Hit("RECEIVED_HELO_IS_SERVER", name)
    if is_submission:
        return
    rdns = hop.from_rdns
    if rdns and organizational(rdns) == site:
        return  # a customer of the server's own network
    if rdns and (_DYNAMIC.search(rdns) or _ADDRESS_IN_NAME.search(rdns)):
        yield Hit("RECEIVED_HOME_LINE", rdns)
    if not rdns:
        yield Hit("RECEIVED_NO_NAME", hop.from_address)
    if name.isdigit():
        yield Hit("RECEIVED_HELO_NUMBER", name)
    elif name and "." not in name and ":" not in name:
        yield Hit("RECEIVED_HELO_LABEL", name)
    elif (
        rdns
        and "." in name
        and not name[-1].isdigit()
        and organizational(name) != organizational(rdns)
    ):
        yield Hit("RECEIVED_HELO_DIFFERS", f"{name} / {rdns}")


def _dates(hops: tuple[Hop, ...]) -> Iterator[Hit]:
    """A hop that claims to be later than the one after it."""
    newer: float | None = None
    for hop in hops[:MAX_HOPS]:
        date = hop.date
        if date is None:
            continue
        if newer is not None and date > newer + 2 * 3600:
            yield Hit("RECEIVED_DISORDER", f"{(date - newer) / 3600:.0f} hours")
            return
        newer = date


def _invented(hops: tuple[Hop, ...]) -> Iterator[Hit]:
    """Fields with signs that no server writes."""
    for hop in hops:
        raw = hop.raw[:500]
        # What the pattern asks for is looked for first: it is tried at every character.
        if not ("*" in raw or "'" in raw or "&" in raw or "!" in raw or "|" in raw):
            continue
        if _GARBLED.search(raw) is not None:
            yield Hit("RECEIVED_GARBLED", raw[:100])
            break


def _is_public(address: str) -> bool:
    """True for an address that is neither empty nor of a private, local or multicast network."""
    return bool(address) and _NOT_PUBLIC.match(address) is None


CHECK = Check(
    name="received",
    stage=Stage.EOM,
    settings=Settings,
    run=run,
    symbols=(
        "RECEIVED_NONE", "RECEIVED_HELO_ADDRESS", "RECEIVED_HELO_USER", "RECEIVED_HELO_IS_SERVER",
        "RECEIVED_HOME_LINE", "RECEIVED_NO_NAME", "RECEIVED_HELO_LABEL", "RECEIVED_HELO_DIFFERS",
        "RECEIVED_DISORDER", "RECEIVED_HELO_NUMBER", "RECEIVED_GARBLED",
    ),
)  # fmt: skip
