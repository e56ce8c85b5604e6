"""dkim - every DKIM signature of a message, each with its own result and reason.

Owns:   evaluate, questions, signing_domains; the order of tests and the RFC 8601 result of each.
Asks:   one TXT a signature (announced by `questions`), nothing else.
Not here: hashing and tag lists (auth.signature), keys and cryptography (auth.key), symbols
        (checks.dkim), making signatures (auth.seal).
Results: fail = the body hash or the signature does not fit, or it has expired; permerror = syntax, key
        missing, revoked or unusable, rsa-sha1 (RFC 8301 3.1: permanently failed evaluation); policy =
        good by RFC 6376 but not for us: short RSA key, a second From that is not signed; temperror =
        the key could not be had; neutral = not evaluated.
RFC 6376 sections 3.5, 6.1; RFC 8301; RFC 8463; RFC 8601 2.7.1; RFC 6008 (header.b).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from filterd.auth.key import check_size, find_keys, key_question, verify
from filterd.auth.signature import (
    Canonical,
    SignatureError,
    canonical,
    field_tags,
    from_base64,
    split_names,
)
from filterd.core.lookup import Ask, Question
from filterd.limits import LIMITS, Limits
from filterd.mail.authres import AuthResult, Property
from filterd.mail.domain import to_alabel
from filterd.mail.header import Field, Header
from filterd.mail.message import Message

CLOCK_SKEW = 300  # seconds a signer's clock may be ahead of ours before x= counts as past
SEARCHED = 8  # times the limit: how far down the author's own signature is looked for
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_DIGITS = re.compile(rb"[0-9]{1,76}\Z")  # RFC 6376 3.5, l=
_SELECTOR = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,10}\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a signature (DKIM, or ARC's AMS and seal) says of itself, syntax checked."""

    field: Field
    tags: Mapping[str, bytes]
    domain: str  # d=, A-labels, lower case
    selector: str
    algorithm: str  # "rsa" or "ed25519"
    signature: bytes


def read_terms(field: Field, tags: Mapping[str, bytes], required: Iterable[str]) -> Terms:
    """Check the tags that all signatures have; SignatureError with RFC 6376 6.1.1's words."""
    for name in required:
        if name not in tags:
            raise SignatureError("permerror", f"signature missing required tag {name}=")
    algorithm = _text(tags["a"]).lower()
    if algorithm == "rsa-sha1":
        raise SignatureError("permerror", "rsa-sha1 is historic")
    if algorithm not in _ALGORITHMS:
        raise SignatureError("permerror", "unknown signature algorithm")
    domain = to_alabel(_text(tags["d"]))
    if not domain:
        raise SignatureError("permerror", "signature syntax error: d= is no domain name")
    selector = _text(tags["s"]).lower()
    if not selector.isascii():
        selector = to_alabel(selector) or ""
    if _SELECTOR.match(selector) is None:
        raise SignatureError("permerror", "signature syntax error: s= is no selector")
    signature = from_base64(tags["b"])
    if signature is None:
        raise SignatureError("permerror", "signature syntax error: b= is not base64")
    return Terms(field, tags, domain, selector, _ALGORITHMS[algorithm], signature)


def read_canonicalization(
    tags: Mapping[str, bytes], default: bytes = b"simple/simple"
) -> tuple[bool, bool]:
    """Whether header and body are relaxed, by c=."""
    header, slash, body = _text(tags.get("c", default)).lower().partition("/")
    names = ("simple", "relaxed")
    if header not in names or (slash and body not in names):
        raise SignatureError("permerror", "signature syntax error: unknown c=")
    return header == "relaxed", body == "relaxed"


def read_number(tags: Mapping[str, bytes], name: str) -> int | None:
    """The value of t=, x= or l=; None where absent."""
    value = tags.get(name)
    if value is None:
        return None
    if _DIGITS.match(value) is None:
        raise SignatureError("permerror", f"signature syntax error: {name}= is no number")
    return int(value)


def check_body(
    terms: Terms, hashes: Canonical, *, relaxed: bool, length: int | None
) -> tuple[int, int]:
    """Compare bh= with the body; return (octets covered, octets in all)."""
    expected = from_base64(terms.tags["bh"])
    if expected is None or len(expected) != 32:
        raise SignatureError("permerror", "signature syntax error: bh= is no SHA-256")
    digest, total = hashes.body(relaxed=relaxed, length=length)
    if length is not None and length > total:
        raise SignatureError("permerror", "l= is more than the body has")
    if digest != expected:
        raise SignatureError("fail", "body hash did not verify")
    return total if length is None else length, total


def check_signature(terms: Terms, ask: Ask, digest: bytes, identity_domain: str) -> str:
    """Try each key published; return a comment on the one that fits, raise the best reason else."""
    problem: SignatureError | None = None
    for key in find_keys(ask, terms.selector, terms.domain):
        try:
            if isinstance(key, SignatureError):
                raise key
            note = f"{key.bits}-bit {key.algorithm} key" + (", test" if key.is_testing else "")
            if key.algorithm != terms.algorithm:
                raise SignatureError("permerror", "inappropriate key algorithm")
            if key.is_strict and identity_domain != terms.domain:
                raise SignatureError("permerror", "domain mismatch: key wants i= at d= (t=s)")
            check_size(key)
            if verify(key, terms.signature, digest):
                return note
            suffix = " (test key)" if key.is_testing else ""
            raise SignatureError("fail", f"signature did not verify{suffix}")
        except SignatureError as error:
            if problem is None or error.result == "fail":
                problem = error
    raise problem or SignatureError("permerror", "no key for signature")


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


# -- DKIM-Signature -------------------------------------------------------------------------


def _tags(field: Field, limits: Limits) -> Mapping[str, bytes] | SignatureError:
    try:
        return field_tags(field, limits.signature_bytes)
    except SignatureError as error:
        return error


def _read(field: Field, tags: Mapping[str, bytes], now: float) -> tuple[Terms, str]:
    """Everything RFC 6376 6.1.1 asks before the key is fetched; return terms and i='s domain."""
    if tags.get("v", b"1") != b"1":
        raise SignatureError("permerror", "incompatible version")
    terms = read_terms(field, tags, _REQUIRED)
    if "@" not in _text(tags.get("i", b"@")):
        raise SignatureError("permerror", "signature syntax error: i= has no @")
    identity = to_alabel(_text(tags["i"]).rpartition("@")[2]) if "i" in tags else terms.domain
    if not identity or not (identity == terms.domain or identity.endswith("." + terms.domain)):
        raise SignatureError("permerror", "domain mismatch: i= is not within d=")
    if "from" not in split_names(tags["h"]):
        raise SignatureError("permerror", "From field not signed")
    methods = {method.strip().lower() for method in tags.get("q", b"dns/txt").split(b":")}
    if not methods & {b"dns/txt", b"dns"}:
        raise SignatureError("permerror", "unknown query method")
    signed_at, expires = read_number(tags, "t"), read_number(tags, "x")
    if expires is not None:
        if signed_at is not None and expires <= signed_at:
            raise SignatureError("permerror", "signature syntax error: x= is not after t=")
        if expires < now - CLOCK_SKEW:
            raise SignatureError("fail", "signature expired")
    return terms, identity


def _evaluate(
    field: Field, tags: Mapping[str, bytes], message: Message, ask: Ask, now: float
) -> tuple[str, tuple[Property, ...]]:
    """Check one signature; return the comment on its pass, and policy.partial where it applies."""
    terms, identity = _read(field, tags, now)
    relaxed_header, relaxed_body = read_canonicalization(tags)
    length = read_number(tags, "l")
    if message.is_oversize:
        raise SignatureError("neutral", "message is larger than what is scanned")
    hashes = canonical(message)
    covered, total = check_body(terms, hashes, relaxed=relaxed_body, length=length)
    names = split_names(tags["h"])
    digest = hashes.signed(names, field, relaxed=relaxed_header)
    comment = check_signature(terms, ask, digest, identity)
    if len(message.header.all("from")) > names.count("from"):
        raise SignatureError("policy", "a From field is not signed")  # RFC 6376 8.15
    if covered == total:
        return comment, ()
    return comment, (Property("policy", "partial", f"{covered}/{total}"),)


def evaluate(
    message: Message, ask: Ask, now: float, limits: Limits = LIMITS
) -> tuple[AuthResult, ...]:
    """Return one result for each signature in order, and one "neutral" for those beyond the limit.

    `now` is in seconds since the epoch. A pass that covers only part of the body (l=) carries
    policy.partial=COVERED/TOTAL. Without signatures the one result is "none".
    """
    fields = message.header.all("dkim-signature")
    if not fields:
        return (AuthResult("dkim", "none"),)
    parsed = [_tags(field, limits) for field in fields[: SEARCHED * limits.signatures]]
    chosen = _choose(parsed, message, limits.signatures)
    shown = _first_parts(parsed)
    results = []
    for index in chosen:
        tags = parsed[index]
        result, reason, comment = "pass", "", ""
        partial: tuple[Property, ...] = ()
        try:
            if isinstance(tags, SignatureError):
                raise tags
            comment, partial = _evaluate(fields[index], tags, message, ask, now)
        except SignatureError as error:
            result, reason = error.result, error.reason
        properties = (*_properties(tags, shown[index]), *partial)
        results.append(AuthResult("dkim", result, reason, properties, comment))
    beyond = len(fields) - len(chosen)
    if beyond:
        reason = f"{beyond} more signatures not evaluated, limit {limits.signatures}"
        results.append(AuthResult("dkim", "neutral", reason))
    return tuple(results)


def questions(header: Header, limits: Limits = LIMITS) -> Iterator[Question]:
    """The key questions of the signatures in that header."""
    for domain, tags in _signing(header, limits):
        selector = _text(tags.get("s", b"")).lower()
        if _SELECTOR.match(selector):
            yield key_question(selector, domain)


def signing_domains(header: Header, limits: Limits = LIMITS) -> tuple[str, ...]:
    """The distinct d= of the signatures in that header, whether or not they are valid."""
    return tuple(dict.fromkeys(domain for domain, _ in _signing(header, limits)))


def _signing(header: Header, limits: Limits) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    for field in header.all("dkim-signature")[: limits.signatures]:
        tags = _tags(field, limits)
        if not isinstance(tags, SignatureError) and "d" in tags:
            domain = to_alabel(_text(tags["d"]))
            if domain:
                yield domain, tags


def _choose(
    parsed: Sequence[Mapping[str, bytes] | SignatureError], message: Message, limit: int
) -> Sequence[int]:
    """Which signatures to evaluate: all, or the author's own first, so stuffing hides none."""
    if len(parsed) <= limit:
        return range(len(parsed))
    authors = {mailbox.domain for mailbox in message.author.mailboxes[:limit]}

    def is_foreign(index: int) -> bool:
        tags = parsed[index]
        if isinstance(tags, SignatureError):
            return True
        domain = _text(tags.get("d", b"")).lower()
        return not any(
            author == domain or author.endswith("." + domain) or domain.endswith("." + author)
            for author in authors
            if author and domain
        )

    return sorted(sorted(range(len(parsed)), key=lambda i: (is_foreign(i), i))[:limit])


def _properties(
    tags: Mapping[str, bytes] | SignatureError, first_part: str
) -> tuple[Property, ...]:
    """header.d, .i, .s, .a, .b as far as the signature says them."""
    if isinstance(tags, SignatureError):
        return ()
    values = {name: _text(tags[name]) for name in ("d", "i", "s", "a") if name in tags}
    if "d" in values:
        values.setdefault("i", "@" + values["d"])
    if first_part:
        values["b"] = first_part
    return tuple(
        Property("header", name, values[name])
        for name in ("d", "i", "s", "a", "b")
        if name in values
    )


def _first_parts(parsed: Sequence[Mapping[str, bytes] | SignatureError]) -> Sequence[str]:
    """For each signature the start of b=: 8 characters, or as many as tell it from the rest."""
    values = [
        ""
        if isinstance(tags, SignatureError)
        else "".join(_text(tags.get("b", b"")).split())[:344]
        for tags in parsed
    ]
    length = 8
    distinct = set(values)
    while len({value[:length] for value in distinct}) < len(distinct):
        length += 4
    return [value[:length] for value in values]
