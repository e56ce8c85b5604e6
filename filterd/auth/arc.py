"""arc - is the chain of ARC sets whole, and who sealed it?

Owns:   ArcSet, Chain, read_sets, evaluate, questions, vouching_sealer.
Asks:   the keys of every ARC-Seal and ARC-Message-Signature. RFC 8617 5.2: DNS trouble is a failed
        chain like any other; the reason says which it was.
Not here: what a good chain is worth (checks.dmarc: only from trusted sealers), sealing (auth.seal).
RFC 8617 sections 4.1, 4.2, 5.2, 10.1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from filterd.auth.dkim import (
    Terms,
    check_body,
    check_signature,
    read_canonicalization,
    read_number,
    read_terms,
)
from filterd.auth.key import key_question
from filterd.auth.signature import (
    SignatureError,
    canonical,
    canonical_field,
    field_tags,
    split_names,
    unsigned,
)
from filterd.core.lookup import Ask, Question
from filterd.limits import LIMITS, Limits
from filterd.mail.authres import AuthresSyntaxError, parse
from filterd.mail.domain import to_alabel
from filterd.mail.header import Field, Header
from filterd.mail.message import Message

_NAMES = ("arc-authentication-results", "arc-message-signature", "arc-seal")
_INSTANCE = re.compile(rb"[1-9][0-9]{0,2}\Z")
_RESULTS = re.compile(rb"[ \t]*i[ \t]*=[ \t]*([1-9][0-9]{0,2})[ \t]*;")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One hop's three fields; the tags of the two that are tag lists."""

    instance: int
    results: Field  # ARC-Authentication-Results
    message_signature: Field
    seal: Field
    message_tags: Mapping[str, bytes]
    seal_tags: Mapping[str, bytes]

    @property
    def cv(self) -> str:
        """The seal's chain validation status."""
        return self.seal_tags.get("cv", b"").decode("latin-1")

    @property
    def sealer(self) -> str:
        """d= of the seal, lower case."""
        return self.seal_tags.get("d", b"").decode("latin-1").lower()

    @property
    def account(self) -> str:
        """The ARC-Authentication-Results without its instance: an RFC 8601 field body."""
        return self.results.value.partition(";")[2].strip()


@dataclass(frozen=True, slots=True)
class Chain:
    """The validation status: "none", "pass" or "fail" (RFC 8617 10.1), and the sets, oldest first.

    `oldest_pass` is the lowest instance whose ARC-Message-Signature still fits, 0 where all do (5.2).
    """

    result: str
    reason: str = ""
    sets: tuple[ArcSet, ...] = ()
    oldest_pass: int = 0


_NO_CHAIN = Chain("none")


def _has_set(header: Header) -> bool:
    """Whether there is a field of a set, however broken."""
    return any(name in header for name in _NAMES)


def read_sets(header: Header, limits: Limits = LIMITS) -> tuple[ArcSet, ...]:
    """Return the sets, oldest first; SignatureError where the chain's structure is broken."""
    by_name: dict[str, dict[int, tuple[Field, Mapping[str, bytes]]]] = {}
    for name in _NAMES:
        known = by_name[name] = {}
        fields = header.all(name)
        if len(fields) > limits.arc_sets:
            raise SignatureError("fail", f"more than {limits.arc_sets} ARC sets")
        for field in fields:
            instance, tags = _instance(field, name, limits)
            if instance in known:
                raise SignatureError("fail", f"two {name} with i={instance}")
            known[instance] = (field, tags)
    count = max((max(known, default=0) for known in by_name.values()), default=0)
    sets = []
    for instance in range(1, min(count, limits.arc_sets) + 1):
        for name in _NAMES:
            if instance not in by_name[name]:
                raise SignatureError("fail", f"no {name} with i={instance}")
        (results, _), (signature, message_tags), (seal, seal_tags) = (
            by_name[name][instance] for name in _NAMES
        )
        sets.append(ArcSet(instance, results, signature, seal, message_tags, seal_tags))
    if count > limits.arc_sets:
        raise SignatureError("fail", f"more than {limits.arc_sets} ARC sets")
    return tuple(sets)


def _instance(field: Field, name: str, limits: Limits) -> tuple[int, Mapping[str, bytes]]:
    """The i= of a field and its tags (of ARC-Authentication-Results: none)."""
    if name == _NAMES[0]:  # i= comes first, what follows is no tag list (4.1.1)
        match = _RESULTS.match(field.unfolded)
        if match is None:
            raise SignatureError("fail", f"{name} without instance")
        return int(match.group(1)), {}
    tags = field_tags(field, limits.signature_bytes)
    value = tags.get("i", b"")
    if _INSTANCE.match(value) is None:
        raise SignatureError("fail", f"{name} without instance")
    return int(value), tags


def evaluate(message: Message, ask: Ask, limits: Limits = LIMITS) -> Chain:
    """Return the status of the message's chain (RFC 8617 5.2)."""
    if not _has_set(message.header):
        return _NO_CHAIN
    try:
        sets = read_sets(message.header, limits)
    except SignatureError as error:
        return Chain("fail", error.reason)
    try:
        for one in sets:
            _check_status(one, is_newest=one is sets[-1])
        _check_message(sets[-1], message, ask)
        _check_seals(sets, ask)
    except SignatureError as error:
        return Chain("fail", error.reason, sets)
    return Chain("pass", "", sets, _oldest_pass(sets, message, ask))


def _oldest_pass(sets: tuple[ArcSet, ...], message: Message, ask: Ask) -> int:
    for one in reversed(sets[:-1]):
        try:
            _check_message(one, message, ask)
        except SignatureError:
            return one.instance + 1
    return 0


def _check_status(one: ArcSet, *, is_newest: bool) -> None:
    wanted = "none" if one.instance == 1 else "pass"
    if one.cv == "fail" and is_newest:
        raise SignatureError("fail", f"the sealer of i={one.instance} found the chain broken")
    if one.cv != wanted:
        raise SignatureError("fail", f"cv= of i={one.instance} is not {wanted}")


def _check_message(one: ArcSet, message: Message, ask: Ask) -> None:
    """The ARC-Message-Signature must fit the message as it is."""
    with _naming(f"ARC-Message-Signature i={one.instance}"):
        tags = one.message_tags
        terms = read_terms(one.message_signature, tags, ("a", "b", "bh", "d", "h", "s"))
        _check_letters(tags)
        names = split_names(tags["h"])
        if "arc-seal" in names:
            raise SignatureError("fail", "signs ARC-Seal")
        # Unlike DKIM's, ARC's default is relaxed; the public suite has a case for it.
        relaxed_header, relaxed_body = read_canonicalization(tags, b"relaxed/relaxed")
        if message.is_oversize:
            raise SignatureError("fail", "message is larger than what is scanned")
        hashes = canonical(message)
        check_body(terms, hashes, relaxed=relaxed_body, length=read_number(tags, "l"))
        digest = hashes.signed(names, terms.field, relaxed=relaxed_header)
        check_signature(terms, ask, digest, terms.domain)


def _check_seals(sets: tuple[ArcSet, ...], ask: Ask) -> None:
    """Every ARC-Seal must fit the sets up to its own (5.1.1), hashed in one pass over all."""
    running = hashlib.sha256()
    for one in sets:
        with _naming(f"ARC-Seal i={one.instance}"):
            terms = _read_seal(one)
            running.update(canonical_field(one.results, relaxed=True))
            running.update(canonical_field(one.message_signature, relaxed=True))
            own = running.copy()
            own.update(unsigned(one.seal, relaxed=True))
            check_signature(terms, ask, own.digest(), terms.domain)
            running.update(canonical_field(one.seal, relaxed=True))


def _read_seal(one: ArcSet) -> Terms:
    if "h" in one.seal_tags:
        raise SignatureError("fail", "has h=")  # 4.1.3: MUST fail
    terms = read_terms(one.seal, one.seal_tags, ("a", "b", "cv", "d", "s"))
    _check_letters(one.seal_tags)
    return terms


def _check_letters(tags: Mapping[str, bytes]) -> None:
    """t= is a number where it is there; a= is spelt as registered."""
    read_number(tags, "t")
    if tags["a"] != tags["a"].lower():
        raise SignatureError("fail", "unknown signature algorithm")


class _naming:  # noqa: N801 - reads as a statement
    """Says in the reason which field a SignatureError is about."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SignatureError):
            raise SignatureError("fail", f"{self._where}: {error.reason}") from None


def questions(header: Header, limits: Limits = LIMITS) -> Iterator[Question]:
    """The key questions of the chain in that header."""
    if not _has_set(header):
        return
    try:
        sets = read_sets(header, limits)
    except SignatureError:
        return
    names: dict[tuple[str, str], None] = {}
    for tags in (tags for one in sets for tags in (one.seal_tags, one.message_tags)):
        if {"d", "s"} <= tags.keys():
            selector, domain = (tags[name].decode("latin-1").lower() for name in ("s", "d"))
            names[selector, domain] = None
    for selector, domain in names:
        yield key_question(selector, domain)


def vouching_sealer(chain: Chain, message: Message, trusted: Collection[str]) -> str:
    """The trusted sealer that saw DMARC pass before it, or a trusted one after it, changed the message.

    Walks from the newest set down as long as sealers are trusted, for what an untrusted one handed on
    may be of its own making. "" where there is none, where the pass was another author's, or where the
    newest signature of a whole chain leaves From or a part of the body to others.
    """
    if chain.result != "pass" or not _covers(chain.sets[-1], message):
        return ""
    names = {name.lower() for name in trusted}
    for one in reversed(chain.sets):
        if one.sealer not in names:
            return ""
        if reported(one.account, "dmarc") == "pass":
            return one.sealer if _author_seen(one) in ("", *message.author.domains) else ""
    return ""


def _covers(newest: ArcSet, message: Message) -> bool:
    """Whether an ARC-Message-Signature that fits covers each From and all of the body."""
    authors = len(message.header.all("from"))
    signed = split_names(newest.message_tags.get("h", b"")).count("from")
    length = read_number(newest.message_tags, "l")
    if length is None:
        return authors <= signed
    _, is_relaxed = read_canonicalization(newest.message_tags, b"relaxed/relaxed")
    return authors <= signed and length == canonical(message).body(relaxed=is_relaxed)[1]


def _author_seen(one: ArcSet) -> str:
    """The author domain that the sealer's account of DMARC names; "" where it names none."""
    try:
        results = parse(one.account).results
    except AuthresSyntaxError:
        return ""
    found = next((r.get("header.from") for r in results if r.method == "dmarc"), "")
    return to_alabel(found.rpartition("@")[2]) or "" if found else ""


def reported(account: str, method: str) -> str:
    """The result an RFC 8601 field body gives for a method; "" for none, or for several that differ."""
    found = set()
    for part in _bare(account).split(";")[1:]:
        name, equals, rest = part.partition("=")
        if equals and name.strip().lower() == method:
            found.add(rest.split()[0].lower() if rest.split() else "")
    return found.pop() if len(found) == 1 else ""


def _bare(text: str) -> str:
    """The text without quoted strings and (nested) comments, in one pass."""
    kept: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif is_quoted or (character == '"' and not depth):
            is_quoted = character != '"' if is_quoted else True
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif not depth:
            kept.append(character)
    return "".join(kept)
