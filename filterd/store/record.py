"""record - a verdict as few bytes and back, and the words by which it is found.

Owns:   pack, unpack, terms (of a record, of a query), fits, Blind (hashed addresses).
Rules of this file: a record is columns (all symbols, all points, all details, ...) as one line of
        JSON, so that what records have in common stands together; GROUP of them are deflated as one
        with a dictionary of words that most have: 300 bytes a record, 460 one by one. What is cut
        makes a record smaller, never wrong. Any bytes give a record or a ValueError.
Not here: where records are kept (store.archive), what they mean (core.history).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from filterd.core.history import VerdictQuery, VerdictRecord
from filterd.core.verdict import Action, Reply, ScoredHit, Span
from filterd.mail.authres import AuthResult, Property

GROUP = 16  # records packed together: 32 would save 5 % more and double the time of a look
MAX_LINE = 64 << 10  # bytes of JSON in one record; more than the ceilings below allow
MAX_DETAIL = 80  # characters of a hit's detail
MAX_HITS = 80
MAX_PARTS = 8  # strongest tokens of a classifier hit
MAX_PART = 40  # characters of a token
MAX_RESULTS = 12
MAX_SPANS = 60
LEVEL = 6

# Words that most records have; the later a word stands the cheaper it is. A change makes a new number.
DICTIONARIES: dict[int, bytes] = {
    1: (
        b"TRAP_CLIENT RATE_HIGH DENY_CLIENT CORRESPONDENT_REPLY CORRESPONDENT_KNOWN ALLOW_SENDER "
        b"HTML_HIDDEN_TEXT LINK_MISMATCH LINK_SHORTENER MIME_PART_BAD ATTACHMENT_EXECUTABLE "
        b"SUBJECT_ALL_CAPS FROM_FREEMAIL REPLYTO_DIFFERS HEADER_DATE_MISSING HEADER_MESSAGE_ID_MISSING "
        b"DNSBL_LISTED DNSBL_SPAMHAUS_ZEN DNSWL_MEDIUM DNSWL_LOW RDNS_MISSING RDNS_DYNAMIC IPREV_FAIL "
        b"HELO_MISMATCH GREYLIST_PASSED GREYLIST_KNOWN TARPIT ARC_NONE ARC_PASS "
        b"SPF_NONE SPF_FAIL SPF_SOFTFAIL SPF_NEUTRAL SPF_PASS DKIM_NONE DKIM_FAIL DKIM_PASS "
        b"DMARC_NONE DMARC_FAIL DMARC_PASS IPREV_PASS BAYES_HAM BAYES_SPAM CLASSIFIER_HAM "
        b"CLASSIFIER_SPAM probability 0.99 0.01 in a network of an allow list 192.168. 127.0.0. "
        b"after 90 s 451 4.7.1 Greylisted, please come back in 90 seconds (why "
        b"550 5.7.1 Message refused as spam (why score  >= reject 15 >= tag 6 "
        b"bounces noreply@ no-reply@ newsletter info@ support@ .onmicrosoft.com .outlook.com "
        b".amazonses.com .google.com @gmail.com @outlook.com .co.uk .net .org .de .com mail. smtp mx "
        b'["temperror"] ["permerror"] ["softfail"] ["neutral"] ["none"] ["fail"] ["iprev","pass","",'
        b'[["policy","iprev","["arc","none","",[],""]["arc","pass","",[["smtp","remote-ip",'
        b'["auth","pass","",[["smtp","auth","["dkim","none","",[],""]["dkim","fail","",'
        b'["dkim","pass","",[["header","d","a","rsa-sha256"],["header","s","selector1"],'
        b'["header","i","@"],["header","b","["dmarc","fail","",[["header","from","'
        b'["dmarc","pass","",[["header","from","["policy","dmarc","reject"["policy","dmarc","none"'
        b'["spf","none","",[["smtp","helo","["spf","pass","",[["smtp","mailfrom","'
        b'"TLSv1.2","TLSv1.3","connection helo iprev sender spf dnsbl domainlist trap allow '
        b"correspondent dkim arc dmarc header mime link attachment rule classifier composite "
        b'greylist ratelimit tarpit","connect helo mail rcpt header eom","rrrrrrrreeeeeeeeeeeee",'
        b'"default","authenticated","local",[["tag",6.0],["reject",15.0]],"accept","tag","reject",'
    ),
}
CURRENT = max(DICTIONARIES)


def to_line(record: VerdictRecord) -> bytes:
    """The record as one line of JSON, without its line end."""
    text = json.dumps(_columns(record), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def from_line(line: bytes) -> VerdictRecord:
    """The record; ValueError for what is none."""
    try:
        return _record(json.loads(line.decode("utf-8", "surrogatepass")))
    except (IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no verdict record: {error}") from error


def pack(lines: Sequence[bytes]) -> bytes:
    """Lines deflated together; the first byte is the number of the dictionary."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, 8, zdict=DICTIONARIES[CURRENT])
    return bytes([CURRENT]) + packer.compress(b"\n".join(lines)) + packer.flush()


def unpack(data: bytes) -> list[bytes]:
    """The lines; ValueError for what was not packed here."""
    try:
        unpacker = zlib.decompressobj(-15, zdict=DICTIONARIES[data[0]])
        return unpacker.decompress(data[1:], GROUP * MAX_LINE).split(b"\n")
    except (IndexError, KeyError, zlib.error) as error:
        raise ValueError(f"no packed records: {error}") from error


def _columns(record: VerdictRecord) -> list[Any]:
    hits = record.hits[:MAX_HITS]
    spans = record.spans[:MAX_SPANS]
    reply = record.reply
    return [
        round(record.at, 2),
        record.why_id,
        record.queue_id,
        record.client,
        record.client_name,
        record.helo if record.helo != record.client_name else 0,
        record.sender,
        record.author if record.author != record.sender else 0,
        list(record.recipients),
        record.recipient_count,
        " ".join(hit.symbol for hit in hits),
        [_short(hit.points) for hit in hits],
        [hit.detail[:MAX_DETAIL] for hit in hits],
        {
            str(index): [
                part
                for name, points in sorted(hit.parts, key=lambda p: -abs(p[1]))[:MAX_PARTS]
                for part in (name[:MAX_PART], _short(points))
            ]
            for index, hit in enumerate(hits)
            if hit.parts
        },
        "".join("s" if hit.shadow else "-" for hit in hits) if any(h.shadow for h in hits) else "",
        [
            [r.method, r.result, r.reason, [[p.ptype, p.name, p.value[:255]] for p in r.properties[:12]], r.comment[:MAX_DETAIL]]
            for r in record.auth_results[:MAX_RESULTS]
        ],
        record.tls,
        record.auth_user,
        " ".join(span.name for span in spans),
        "".join(span.stage[:1] or "-" for span in spans),
        [round(span.milliseconds * 10) for span in spans],  # tenths
        round(record.milliseconds, 1),
        round(record.delayed, 1),
        record.size,
        _short(record.score),
        record.decisive,
        [reply.code, reply.enhanced, reply.text] if reply is not None else 0,
        list(record.marks),
        list(record.failures[:10]),
        record.subject,
        dict(record.facts),
        record.would.value if record.would is not None else 0,
        record.stage,
        record.profile,
        [list(threshold) for threshold in record.thresholds],
        record.action.value,
    ]  # fmt: skip


STAGES = {"c": "connect", "h": "helo", "m": "mail", "r": "rcpt", "d": "header", "e": "eom"}


def _record(columns: list[Any]) -> VerdictRecord:
    (
        at, why_id, queue_id, client, client_name, helo, sender, author, recipients, count,
        symbols, points, details, parts, shadows, results, tls, auth_user, names, stages, tenths,
        milliseconds, delayed, size, score, decisive, reply, marks, failures, subject, facts, would,
        stage, profile, thresholds, action,
    ) = columns  # fmt: skip
    hits = tuple(
        ScoredHit(
            symbol,
            float(worth),
            detail,
            parts=_pairs(parts.get(str(index), ())),
            shadow=shadows[index : index + 1] == "s",
        )
        for index, (symbol, worth, detail) in enumerate(
            zip(symbols.split(), points, details, strict=True)
        )
    )
    return VerdictRecord(
        why_id=why_id,
        at=float(at),
        action=Action(action),
        score=float(score),
        queue_id=queue_id,
        stage=stage,
        would=Action(would) if would else None,
        decisive=decisive,
        profile=profile,
        thresholds=tuple((name, float(value)) for name, value in thresholds),
        reply=Reply(*reply) if reply else None,
        client=client,
        client_name=client_name,
        helo=client_name if helo == 0 else helo,
        tls=tls,
        auth_user=auth_user,
        sender=sender,
        recipients=tuple(recipients),
        recipient_count=count,
        author=sender if author == 0 else author,
        subject=subject,
        size=size,
        hits=hits,
        auth_results=tuple(
            AuthResult(m, r, why, tuple(Property(*p) for p in properties), comment)
            for m, r, why, properties, comment in results
        ),
        failures=tuple(failures),
        marks=tuple(marks),
        spans=tuple(
            Span(name, ms / 10, STAGES.get(letter, ""))
            for name, letter, ms in zip(names.split(), stages, tenths, strict=True)
        ),
        milliseconds=milliseconds,
        delayed=delayed,
        facts=facts,
    )


def _pairs(flat: list[Any] | tuple[()]) -> tuple[tuple[str, float], ...]:
    return tuple(
        (name, float(worth)) for name, worth in zip(flat[::2], flat[1::2], strict=True)
    )


def _short(number: float) -> float | int:
    """Two decimals; a whole number without its point."""
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded


# -- finding


def terms(record: VerdictRecord) -> set[int]:
    """The numbers under which the record is found."""
    found = {f"w{record.why_id}", f"a{record.action.value}", f"c{record.client}"}
    if record.queue_id:
        found.add(f"w{record.queue_id}")
    for kind, addresses in (
        ("s", (record.sender, record.author)),
        ("r", record.recipients),
    ):
        for address in addresses:
            found.update(kind + name for name in _names(address))
    found.update(f"y{hit.symbol}" for hit in record.hits)
    return {number(term) for term in found}


def query_terms(query: VerdictQuery) -> list[int]:
    """The numbers that a record which fits has all of."""
    found = []
    for kind, value in (("s", query.sender), ("r", query.recipient)):
        if value:
            found.append(kind + value.lower())
    if query.client:
        found.append(f"c{query.client}")
    if query.symbol:
        found.append(f"y{query.symbol}")
    if query.action is not None:
        found.append(f"a{query.action.value}")
    return [number(term) for term in found]


def number(term: str) -> int:
    """32 bits; two terms that share them cost time, `fits` tells them apart."""
    return zlib.crc32(term.encode("utf-8", "surrogatepass"))


def fits(record: VerdictRecord, query: VerdictQuery) -> bool:
    """Whether every given field of the query matches."""
    senders = {name for a in (record.sender, record.author) for name in _names(a)}
    recipients = {name for a in record.recipients for name in _names(a)}
    return (
        query.since <= record.at <= query.until
        and (not query.sender or query.sender.lower() in senders)
        and (not query.recipient or query.recipient.lower() in recipients)
        and (not query.client or query.client == record.client)
        and (not query.symbol or any(hit.symbol == query.symbol for hit in record.hits))
        and (query.action is None or query.action is record.action)
    )


def _names(address: str) -> Iterator[str]:
    """The address and its "@domain", lower case."""
    if address:
        address = address.lower()
        yield address
        at = address.rfind("@")
        if at > 0:
            yield address[at:]


class Blind:
    """Hides addresses in records, and in queries alike, so that who knows an address still finds it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.blake2b(secret, digest_size=32).digest() if secret else b""

    def record(self, record: VerdictRecord) -> VerdictRecord:
        return replace(
            record,
            sender=self._address(record.sender),
            author=self._address(record.author),
            recipients=tuple(self._address(r) for r in record.recipients),
            client=self._word(record.client),
            client_name="",
            helo="",
            auth_user=self._word(record.auth_user),
            subject="",
            hits=tuple(hit._replace(detail="") for hit in record.hits),
            auth_results=tuple(
                result._replace(properties=tuple(self._property(p) for p in result.properties))
                for result in record.auth_results
            ),
        )

    def query(self, query: VerdictQuery) -> VerdictQuery:
        return replace(
            query,
            sender=self._address(query.sender),
            recipient=self._address(query.recipient),
            client=self._word(query.client),
        )

    def _property(self, item: Property) -> Property:
        if item.ptype == "policy" or item.name in {"s", "a"}:
            return item
        return item._replace(value=self._address(item.value))

    def _address(self, address: str) -> str:
        local, at, domain = address.lower().rpartition("@")
        return self._word(local) + at + self._word(domain)

    def _word(self, word: str) -> str:
        if not word:
            return ""
        digest = hashlib.blake2b(
            word.lower().encode("utf-8", "surrogatepass"), digest_size=6, key=self._secret
        )
        return digest.hexdigest()
