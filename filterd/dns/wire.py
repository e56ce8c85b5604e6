r"""wire - a question as a packet, a packet as an answer (RFC 1035 4, RFC 6891, RFC 2308).

Owns:   names between text and wire; building queries; reading replies, the CNAME chain included.
Not here: sockets, retries (stub.py); zone text (zone.py, by dnspython).
Rules of this file: any bytes give a Reply or WireError, in time linear in the packet: compression
        pointers go strictly backwards, a name has at most 255 bytes, a chain at most MAX_ALIASES.

dnspython decodes the same packets in 120 us, this in 12 (deploy/decisions); the tests use dnspython as
the oracle. Text form of a name: lower case, no final dot; a dot or backslash within a label and
whatever is not printable ASCII are escaped (`\.`, `\\`, `\ddd`), as in RFC 1035 5.1.
"""

from __future__ import annotations

import re
import struct
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import NamedTuple

from filterd.core.lookup import Answer, Question, RRType, Status, tempfail

EDNS_PAYLOAD = 1232  # bytes; fits one unfragmented packet everywhere (DNS flag day 2020)
MAX_ALIASES = 12  # CNAMEs followed for one question; resolvers give up at 8 to 17
MAX_RECORDS = 1_000  # of one answer section; a 64-kB packet holds up to 5,900
MAX_POINTERS = 127  # of one name: no name has more labels
MAX_NAME = 255  # RFC 1035 2.3.4
MAX_LABEL = 63

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
RCODES = {
    FORMERR: "formerr",
    SERVFAIL: "servfail",
    NOTIMP: "notimp",
    REFUSED: "refused",
}

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")  # type, class, TTL, length of data
_U16 = struct.Struct("!H")
_U32 = struct.Struct("!I")
_QUESTION_TAIL = {rrtype: struct.pack("!HH", rrtype.value, 1) for rrtype in RRType}
_OPT = b"\x00" + struct.pack("!HHIH", 41, EDNS_PAYLOAD, 0, 0)
_BYTES = tuple([bytes((n,)) for n in range(MAX_LABEL + 1)])
_TO_FIRST_NAME = b"\xc0\x0c"
_PLAIN = bytes(sorted(set(range(0x21, 0x7F)) - {0x2E, 0x5C}))  # needs no escape in a label
_ESCAPE = re.compile(rb"\\(\d\d\d|[^0-9])", re.DOTALL)
_NO = {NOERROR: Status.NODATA, NXDOMAIN: Status.NXDOMAIN}
_CNAME, _NS, _SOA = RRType.CNAME.value, RRType.NS.value, RRType.SOA.value


class WireError(ValueError):
    """These bytes are no reply to that question, or this text is no name."""


class Reply(NamedTuple):
    """What a packet says that is no answer.

    It is `truncated`, has an error `rcode`, or a chain of aliases that ends outside it, at `alias`.
    """

    rcode: int
    truncated: bool = False
    alias: str = ""


# -- names --------------------------------------------------------------------------------------


def name_to_labels(name: str) -> tuple[bytes, ...]:
    """Return the labels of a name in text form, lower case; WireError if it cannot be in the DNS.

    Characters beyond ASCII stand for their UTF-8 bytes.
    """
    raw = name.encode("utf-8", "surrogatepass").lower()
    labels = raw.removesuffix(b".").split(b".") if "\\" not in name else _split_escaped(raw)
    if labels == [b""]:
        return ()
    size = sum(map(len, labels)) + len(labels)
    if b"" in labels or (size > MAX_LABEL and any(len(label) > MAX_LABEL for label in labels)):
        raise WireError("a label has 1 to 63 bytes")
    if size >= MAX_NAME:
        raise WireError("a name has at most 255 bytes")
    return tuple(labels)


def _split_escaped(raw: bytes) -> list[bytes]:
    """Labels of a name with escapes."""
    labels = [bytearray()]
    position = 0
    while position < len(raw):
        byte = raw[position]
        if byte == 0x5C:
            match = _ESCAPE.match(raw, position)
            if match is None:
                raise WireError("a backslash escapes a character or three digits")
            escaped = match.group(1)
            code = int(escaped) if len(escaped) == 3 else escaped[0]
            if code > 255:
                raise WireError("an escaped byte is at most 255")
            labels[-1] += bytes((code,)).lower()
            position = match.end()
            continue
        if byte == 0x2E:
            labels.append(bytearray())
        else:
            labels[-1].append(byte)
        position += 1
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    return [bytes(label) for label in labels]


def name_to_wire(name: str) -> bytes:
    """Return a name as it stands in a packet; WireError if it cannot be in the DNS."""
    return b"".join([_BYTES[len(label)] + label for label in name_to_labels(name)]) + b"\x00"


def canonical(name: str) -> str:
    """Return the one text form of a name; WireError if it cannot be in the DNS."""
    if name.isascii() and len(name.encode().translate(None, _PLAIN)) == name.count("."):
        return name.lower()
    return labels_to_name(name_to_labels(name))


def labels_to_name(labels: list[bytes] | tuple[bytes, ...]) -> str:
    """Return the text form of labels."""
    joined = b".".join(labels)
    if (
        len(joined.translate(None, _PLAIN)) == len(labels) - 1
    ):  # nothing but the joints is special
        return joined.decode("ascii").lower()
    return ".".join([_escape(label) for label in labels]).lower()


def _escape(label: bytes) -> str:
    return "".join(
        [
            chr(byte)
            if byte in _PLAIN
            else f"\\{chr(byte)}"
            if byte in b".\\"
            else f"\\{byte:03d}"
            for byte in label
        ]
    )


def _read_labels(packet: bytes, offset: int) -> tuple[list[bytes], int]:
    """Return the labels of the name at `offset` and the offset after it."""
    labels: list[bytes] = []
    total = 1
    after = -1
    lowest = offset  # a pointer must go below where it stands, or it could loop
    hops = 0
    while True:
        length = packet[offset]
        if length == 0:
            return labels, offset + 1 if after < 0 else after
        if length <= MAX_LABEL:
            end = offset + 1 + length
            if end >= len(packet):
                raise WireError("a name runs off the packet")
            labels.append(packet[offset + 1 : end])
            total += length + 1
            if total > MAX_NAME:
                raise WireError("a name has at most 255 bytes")
            offset = end
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | packet[offset + 1]
            if after < 0:
                after = offset + 2
            hops += 1
            if not 12 <= target < lowest or hops > MAX_POINTERS:
                raise WireError("a pointer goes backwards")
            offset = lowest = target
        else:
            raise WireError("an unknown kind of label")


def _read_name(packet: bytes, offset: int) -> tuple[str, int]:
    labels, offset = _read_labels(packet, offset)
    return labels_to_name(labels), offset


def _after_name(packet: bytes, offset: int, root: int) -> int:
    """Return the offset after a name that nobody wants to know.

    Mostly it is a pointer to the end of the question's name, which is `section` and needs no reading
    again; `root` is where that name ends.
    """
    length = packet[offset]
    if length == 0:
        return offset + 1
    if length >= 0xC0:
        target = (length & 0x3F) << 8 | packet[offset + 1]
        label = 12
        while label < target < root:
            label += packet[label] + 1
        if label == target:
            return offset + 2
    return _read_labels(packet, offset)[1]


# -- queries ------------------------------------------------------------------------------------


def question_section(question: Question) -> bytes:
    """Return the question as it stands in query and reply; WireError if it cannot be asked."""
    return name_to_wire(question.name) + _QUESTION_TAIL[question.rrtype]


def query(section: bytes, query_id: int, *, edns: bool = True) -> bytes:
    """Return a query packet: recursion desired, AD asked for (RFC 6840 5.7), EDNS0."""
    if edns:
        return _HEADER.pack(query_id, 0x0120, 1, 0, 0, 1) + section + _OPT
    return _HEADER.pack(query_id, 0x0120, 1, 0, 0, 0) + section


def is_reply_to(packet: bytes, section: bytes) -> bool:
    """Whether a packet is a reply that repeats that question; the id is the caller's to check."""
    return (
        (packet.startswith(section, 12) or packet[12 : 12 + len(section)].lower() == section)
        and packet[2] & 0xF8 == 0x80  # QR, opcode QUERY
        and packet[4:6] == b"\x00\x01"
    )


def is_bare_error(packet: bytes) -> bool:
    """Whether a packet is a reply with an error and no question: servers without EDNS0 do that."""
    return len(packet) >= 12 and packet[2] & 0xF8 == 0x80 and packet[4:6] == b"\x00\x00"


# -- replies ------------------------------------------------------------------------------------


def read_reply(packet: bytes, asked: Question, section: bytes) -> Answer | Reply:
    """Return what a packet, already known as reply to `section`, says; WireError if malformed."""
    try:
        return _read_reply(packet, asked, 12 + len(section))
    except (IndexError, struct.error, OSError) as error:
        raise WireError("a record runs off the packet") from error


def _read_reply(packet: bytes, asked: Question, records: int) -> Answer | Reply:
    """`records`: where the answer section begins."""
    _, flags, _, answers, authorities, _ = _HEADER.unpack_from(packet)
    rcode = flags & 15
    if flags & 0x0200:
        return Reply(rcode, truncated=True)
    if rcode not in _NO:
        return Reply(rcode)
    if answers > MAX_RECORDS:
        return tempfail("oversize")
    is_signed = flags & 0x0020 != 0
    offset, least, alias = records, 0x7FFFFFFF, ""
    if answers:
        first = canonical(asked.name)
        found, aliases, offset = _read_answers(
            packet, records, answers, first, asked.rrtype.value
        )
        name = first
        for _ in range(MAX_ALIASES + 1):
            if name in found:
                return _answer(packet, asked.rrtype, found[name], least, is_signed)
            if name not in aliases:
                break
            name, ttl = aliases[name]
            least = min(least, ttl)
        else:
            return tempfail("alias-loop")
        alias = name if name != first else ""
    soa, is_referral = _authority(packet, offset, authorities, records - 5)
    if rcode == NOERROR and soa is None:
        if alias:
            return Reply(rcode, alias=alias)  # the server did not follow the chain
        if is_referral and not flags & 0x0480:  # neither AA nor RA: it does not recurse for us
            return Reply(REFUSED)
    ttl = 0 if soa is None else min(soa, least)
    return Answer(_NO[rcode], ttl=ttl, dnssec=is_signed)


Found = dict[str, list[tuple[int, int, int]]]  # owner: TTL, offset and end of the data
Aliases = dict[str, tuple[str, int]]  # owner: target, TTL


def _read_answers(
    packet: bytes, offset: int, count: int, first: str, wanted: int
) -> tuple[Found, Aliases, int]:
    """Return where records of the wanted type lie, the aliases, and the offset after the section."""
    found: Found = {}
    aliases: Aliases = {}
    for _ in range(count):
        if packet[offset : offset + 2] == _TO_FIRST_NAME:
            owner = first
            offset += 2
        else:
            owner, offset = _read_name(packet, offset)
        rrtype, rrclass, ttl, length = _RECORD.unpack_from(packet, offset)
        offset += 10
        end = offset + length
        if end > len(packet):
            raise WireError("a record runs off the packet")
        if rrclass == 1:
            if ttl > 0x7FFFFFFF:  # RFC 2181 8
                ttl = 0
            if rrtype == wanted:
                found.setdefault(owner, []).append((ttl, offset, end))
            elif rrtype == _CNAME:
                aliases[owner] = (_read_name(packet, offset)[0], ttl)
        offset = end
    return found, aliases, offset


def _authority(
    packet: bytes, offset: int, authorities: int, root: int
) -> tuple[int | None, bool]:
    """Return (seconds that a "no" holds, None without SOA; whether there are NS records).

    They are the lesser of the SOA's TTL and its MINIMUM (RFC 2308 5). NS alone is a referral.
    """
    has_ns = False
    for _ in range(min(authorities, MAX_RECORDS)):
        offset = _after_name(packet, offset, root)
        rrtype, _, ttl, length = _RECORD.unpack_from(packet, offset)
        offset += 10 + length
        if rrtype == _SOA and length >= 22:
            (minimum,) = _U32.unpack_from(packet, offset - 4)
            return min(ttl, minimum), has_ns
        has_ns = has_ns or rrtype == _NS
    return None, has_ns


def _answer(
    packet: bytes, rrtype: RRType, found: list[tuple[int, int, int]], ttl: int, is_signed: bool
) -> Answer:
    ttl = min([ttl, *[record[0] for record in found]])
    spans = [(offset, end) for _, offset, end in found]
    match rrtype:
        case RRType.A:
            return Answer(Status.OK, addresses=_ipv4(packet, spans), ttl=ttl, dnssec=is_signed)
        case RRType.AAAA:
            return Answer(Status.OK, addresses=_ipv6(packet, spans), ttl=ttl, dnssec=is_signed)
        case RRType.TXT:
            txt = tuple([_strings(packet, start, end) for start, end in spans])
            return Answer(Status.OK, txt=txt, ttl=ttl, dnssec=is_signed)
        case RRType.MX:
            mx = tuple([_exchange(packet, start, end) for start, end in spans])
            return Answer(Status.OK, mx=mx, ttl=ttl, dnssec=is_signed)
        case RRType.NS | RRType.CNAME | RRType.PTR | RRType.SOA:
            names = tuple([_read_name(packet, start)[0] for start, _ in spans])
            return Answer(Status.OK, names=names, ttl=ttl, dnssec=is_signed)


def _ipv4(packet: bytes, spans: list[tuple[int, int]]) -> tuple[str, ...]:
    if any(end - start != 4 for start, end in spans):
        raise WireError("an A record has 4 bytes")
    return tuple([inet_ntoa(packet[start:end]) for start, end in spans])


def _ipv6(packet: bytes, spans: list[tuple[int, int]]) -> tuple[str, ...]:
    if any(end - start != 16 for start, end in spans):
        raise WireError("an AAAA record has 16 bytes")
    return tuple([inet_ntop(AF_INET6, packet[start:end]) for start, end in spans])


def _strings(packet: bytes, offset: int, end: int) -> bytes:
    """The strings of one TXT record, joined without space (RFC 7208 3.3, RFC 6376 3.6.2.2)."""
    first = packet[offset] + offset + 1 if offset < end else -1
    if first == end:
        return packet[offset + 1 : end]
    pieces = []
    while offset < end:
        following = offset + 1 + packet[offset]
        pieces.append(packet[offset + 1 : following])
        offset = following
    if offset != end:
        raise WireError("a string runs off its record")
    return b"".join(pieces)


def _exchange(packet: bytes, offset: int, end: int) -> tuple[int, str]:
    if end - offset < 3:
        raise WireError("an MX record has a preference and a name")
    (preference,) = _U16.unpack_from(packet, offset)
    return preference, _read_name(packet, offset + 2)[0]
