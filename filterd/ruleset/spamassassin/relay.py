"""relay - the relays of a message as SpamAssassin's X-Spam-Relays-* name them.

Owns:   Relay, Trail, read, parse, text.
Not here: what our own checks make of Received fields (mail.trace).
Who connected to us comes first, from the session; what the fields say follows. Private and authenticated
relays are trusted up to the first that is neither, as SpamAssassin infers without settings. What a program
that fetches mail added on top of its own field is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction

MAX_RELAYS = 100
MAX_LINE = 2_000  # characters read of one field

_IP = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40})"
_ADDRESS = rf"(?:IPv6:)?({_IP})(?:%\w{{1,16}})?"
_NAME = r"[-\w.+&:=?!@%*$\\/^]{1,255}"
_START = re.compile(r"\(?from (\S{1,255})", re.IGNORECASE)
# How the name given in HELO stands where the client's own name comes first.
_HELO = re.compile(rf"\b(?:helo=|HELO |EHLO )\[?({_NAME})\]?", re.IGNORECASE)
_IN_BRACKETS = re.compile(rf"\[{_ADDRESS}\]", re.IGNORECASE)
_IN_PARENTHESES = re.compile(rf"[(@]{_ADDRESS}\)", re.IGNORECASE)
_BARE = re.compile(rf"\(?from {_ADDRESS} \(", re.IGNORECASE)
_NAMED = re.compile(rf"\(({_NAME}) ?\(?\[{_ADDRESS}\]", re.IGNORECASE)
_LITERAL = re.compile(rf"\[?{_ADDRESS}\]?\Z", re.IGNORECASE)
_BY = re.compile(r" by ([^\s;()]+)")
_ID = re.compile(r" id <?([^\s<>;]{3,})")
_IDENT = re.compile(r"\(([\w-]{1,60})@\S|\bident=([\w-]{1,60})")
_ENVELOPE = re.compile(
    r"(?:return-path:? |envelope-(?:sender|from)[ =])<?([^\s>;)]*)", re.IGNORECASE
)
_AUTH = re.compile(
    r" with ((?:ES|L|UTF8S|UTF8L)MTPS?A|ASMTP|HTTP[SU]?)(?: |;|\Z)", re.IGNORECASE
)
_AUTH_NAMED = (
    (re.compile(r"\(Authenticated sender: \S+\) by "), "Postfix"),
    (re.compile(r"\]\)? \(AUTH: (?:LOGIN|PLAIN|\w+-MD5) "), "LOGIN"),
    (re.compile(r" by mx\.google\.com with ESMTPS id [a-z0-9]{1,4}sm\d{2,9}"), "GMail"),
)
# Hand-overs that are none between two machines, and name no address.
_WITHIN = re.compile(
    r"\(?from (?:\S+ by (?:\S+ (?:(?:with|via|for|by|id) |\()|[^\s;]+ ?(?:;|\Z))|mail pickup service by |\S+@\S+ "
    r"|\S+ (?:(?:with|via|for) \S+|\(unverified\)|\(unknown\)|\(\[unix socket\]\)) by "
    r"|\S+ \((?:\S+@)?(?:localhost|127\.0\.0\.1)|\S+ \(\S+ \[local\]\) by )",
    re.IGNORECASE,
)
_LOCAL = re.compile(r" with local(?:-e?smtp)? ")
_NOT_BARE = re.compile(rf"\(?from \[{_IP}\] by ", re.IGNORECASE)
_FETCHED = re.compile(
    r" by \S+ with (?:POP3?|IMAP\d?)\b| \((?:fetchmail|getmail|mpop)[- ]", re.IGNORECASE
)
_UNSAID = frozenset({"unknown", "unverified", "may", "helo", "ehlo"})
_RESERVED = tuple(
    ip_network(net)
    for net in (
        "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Relay:
    """One hand-over: who came, under which names, to whom."""

    ip: str
    rdns: str = ""
    helo: str = ""
    by: str = ""
    ident: str = ""
    envelope_from: str = ""
    id: str = ""
    auth: str = ""
    is_internal: bool = False

    def __str__(self) -> str:
        return (
            f"[ ip={self.ip} rdns={_shown(self.rdns)} helo={_shown(self.helo)} "
            f"by={_shown(self.by)} ident={self.ident} envfrom={_shown(self.envelope_from)} "
            f"intl={int(self.is_internal)} id={self.id} auth={self.auth} msa=0 ]"
        )


@dataclass(frozen=True, slots=True)
class Trail:
    """The relays, newest first; fields that name none though they should; fields of internal ones."""

    relays: tuple[Relay, ...]
    unread: int
    internal_fields: int


def read(tx: Transaction) -> Trail:
    """The relays of a transaction, the internal ones marked."""
    found: list[Relay] = []
    is_internal = True
    session = tx.session
    if session.client is not None and session.helo:
        first = Relay(
            str(session.client),
            session.client_name,
            session.helo,
            session.mta_name,
            envelope_from=tx.envelope.reverse_path,
            id=tx.envelope.queue_id,
            auth=session.auth_user,
        )
        is_internal = _is_trusted(first)
        found.append(replace(first, is_internal=is_internal))
    unread = fields = 0
    for field in tx.message.header.all("received")[:MAX_RELAYS]:
        line = " ".join(field.value.split())[:MAX_LINE]
        one = None
        if is_internal and _FETCHED.search(line):
            found.clear()
        else:
            one = parse(line)
            unread += one is None and is_unread(line)
        if one is not None:
            is_internal = is_internal and _is_trusted(one)
            found.append(replace(one, is_internal=is_internal))
        fields += is_internal
    return Trail(tuple(found), unread, fields)


def is_unread(line: str) -> bool:
    """Whether the field is of a hand-over between machines, though it says no address."""
    return (
        _START.match(line) is not None
        and _WITHIN.match(line) is None
        and _LOCAL.search(line) is None
        and parse(line) is None
    )


def parse(line: str) -> Relay | None:
    """The relay of one Received field on one line; None where it names none."""
    line = line.replace(")by ", ") by ")
    start = _START.match(line)
    if start is None or _LOCAL.search(line):
        return None
    if _WITHIN.match(line) and not _NOT_BARE.match(line) and not _IN_BRACKETS.search(line):
        return None
    head, _, rest = line.partition(" by ")
    said = _HELO.search(head)
    if said is not None:
        head = head[: said.start()] + head[said.end() :]
    behind = head[start.end() :]
    address = (
        _IN_BRACKETS.search(behind)
        or _IN_PARENTHESES.search(behind)
        or _IN_BRACKETS.search(head)  # from [ADDRESS]
        or _BARE.match(head)
        or _IN_BRACKETS.search(rest)
    )
    by = _BY.search(line)
    if address is None or by is None:
        return None
    rdns, helo = _names(start.group(1), head, line, said.group(1) if said else "")
    ident, sender, number = _IDENT.search(head), _ENVELOPE.search(line), _ID.search(line)
    return Relay(
        address.group(1).lower().removeprefix("::ffff:"),
        rdns,
        helo,
        by.group(1),
        (ident.group(1) or ident.group(2) or "") if ident else "",
        sender.group(1) if sender else "",
        number.group(1) if number else "",
        _auth(line),
    )


def _names(first: str, head: str, line: str, said: str) -> tuple[str, str]:
    """(name of the address, name given in HELO): each program has its own order for them."""
    named = _NAMED.search(head)
    if named is not None:  # from HELO (NAME [ADDRESS]): Postfix, Sendmail
        return _true_name(named.group(1)), said or first
    if said and f'LO {said}"' in line:  # from NAME ([ADDRESS]:port "EHLO ..."): Zmailer
        return "", said
    if said:  # from NAME (HELO ...) (ADDRESS), from NAME ([ADDRESS] helo=...): qmail, Exim
        return _true_name(first), said
    if "(Exim" in line or _IN_BRACKETS.search(head) is None:  # NAME ([ADDRESS]), NAME (ADDRESS)
        return _true_name(first), first
    return "", first


def _true_name(text: str) -> str:
    name = text.rpartition("@")[2].rstrip(".")
    is_name = name.lower() not in _UNSAID and _LITERAL.match(name) is None
    return name if is_name else ""


def _auth(line: str) -> str:
    """How the client proved who it is; "" where it did not."""
    said = _AUTH.search(line)
    if said is not None:
        return said.group(1)
    head = line.partition(" by ")[0]
    if 0 < head.find("]") < head.rfind("authenticated"):
        return "Sendmail"
    return next((name for pattern, name in _AUTH_NAMED if pattern.search(line)), "")


def _shown(text: str) -> str:
    return re.sub(r"[\s\0#\[\]()<>|]", "!", text)


def _is_trusted(relay: Relay) -> bool:
    if relay.auth:
        return True
    try:
        address = ip_address(relay.ip)
    except ValueError:
        return False
    return any(address in net for net in _RESERVED)


def text(relays: Sequence[Relay], kind: str) -> str:
    """The relays of X-Spam-Relays-KIND (trusted, internal, untrusted, external) as one line."""
    wants_internal = kind in {"trusted", "internal"}
    return " ".join(str(one) for one in relays if one.is_internal is wants_internal)
