"""key - DKIM keys: the record at selector._domainkey.domain, and the one step of cryptography.

Owns:   Key, parse_key, key_question, find_keys, verify.
Asks:   TXT of the key's name; `cryptography` for RSA and Ed25519 (27 us a RSA-2048 check where the pure
        Python of dkimpy takes 220 us).
Not here: which signature asks for which key (auth.dkim, auth.arc).
RFC 6376 sections 3.6 and 6.1.2, RFC 8301 (sizes, SHA-1), RFC 8463 (Ed25519), RFC 8616 (U-labels).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from filterd.auth.signature import SignatureError, from_base64, parse_tags
from filterd.core.lookup import Ask, Question, RRType, Status, question
from filterd.limits import LIMITS

PublicKey = RSAPublicKey | Ed25519PublicKey

_PADDING, _HASHED = PKCS1v15(), Prehashed(SHA256())

MIN_RSA_BITS = 1024  # RFC 8301 3.2: shorter ones MUST NOT be considered valid
MAX_RSA_BITS = 8192  # a check costs with the square of the size; 4096 is the most seen
MAX_KEY_RECORDS = (
    3  # RFC 6376 3.6.2.2 leaves several records undefined, 6.1.2 allows trying each
)


@dataclass(frozen=True, slots=True)
class Key:
    """One usable key record."""

    algorithm: str  # "rsa" or "ed25519"
    public: PublicKey
    bits: int
    is_testing: bool  # t=y
    is_strict: bool  # t=s: i= must be exactly at d=
    hashes: frozenset[str] = frozenset()  # h=; empty: all


def key_question(selector: str, domain: str) -> Question:
    """The question for the key of that signature (A-labels)."""
    return question(f"{selector}._domainkey.{domain}", RRType.TXT)


def _key_tags(record: bytes) -> Mapping[str, bytes]:
    try:
        return parse_tags(record.strip(), LIMITS.record_bytes)
    except SignatureError as error:
        detail = error.reason.rpartition(": ")[2]
        raise SignatureError("permerror", f"key syntax error: {detail}") from None


@lru_cache(maxsize=512)
def parse_key(record: bytes) -> Key:
    """Return the key of one TXT record; SignatureError says why it is none (RFC 6376 6.1.2)."""
    tags = _key_tags(record)
    if "v" in tags and (tags["v"] != b"DKIM1" or next(iter(tags)) != "v"):
        raise SignatureError("permerror", "key syntax error: bad version")
    if "p" not in tags:
        raise SignatureError("permerror", "key syntax error: missing p=")
    services = _words(tags.get("s", b"*"))
    if not services & {"*", "email"}:
        raise SignatureError("permerror", "inapplicable key: not for email")
    hashes = _words(tags["h"]) if "h" in tags else frozenset()
    if "h" in tags and "sha256" not in hashes:
        raise SignatureError("permerror", "inappropriate hash algorithm")
    if not tags["p"]:
        raise SignatureError("permerror", "key revoked")
    algorithm = tags.get("k", b"rsa").decode("latin-1").lower()
    material = from_base64(tags["p"])
    if material is None:
        raise SignatureError("permerror", "key syntax error: p= is not base64")
    public, bits = load_public(algorithm, material)
    flags = _words(tags.get("t", b""))
    return Key(algorithm, public, bits, "y" in flags, "s" in flags, hashes)


def _words(value: bytes) -> frozenset[str]:
    return frozenset(word.strip().decode("latin-1").lower() for word in value.split(b":"))


@lru_cache(maxsize=512)
def load_public(algorithm: str, material: bytes) -> tuple[PublicKey, int]:
    """The public key of p= and its size in bits; SignatureError for anything else."""
    if algorithm == "ed25519":
        if len(material) != 32:  # RFC 8463 4.2: the raw key, no wrapping
            raise SignatureError("permerror", "key syntax error: Ed25519 key is not 32 octets")
        return Ed25519PublicKey.from_public_bytes(material), 256
    if algorithm != "rsa":
        raise SignatureError("permerror", "inappropriate key algorithm")
    try:
        public = load_der_public_key(material)  # SubjectPublicKeyInfo, or RSAPublicKey bare
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError("permerror", "key syntax error: no RSA key in p=") from None
    if not isinstance(public, RSAPublicKey):
        raise SignatureError("permerror", "inappropriate key algorithm")
    return public, public.key_size


def find_keys(ask: Ask, selector: str, domain: str) -> Iterator[Key | SignatureError]:
    """Yield the key records of a signature, each usable or with what is wrong with it.

    At least one is yielded. Where several are published each is tried (RFC 6376 6.1.2 step 4).
    """
    answer = ask(key_question(selector, domain))
    match answer.status:
        case Status.TEMPFAIL:
            yield SignatureError("temperror", f"key unavailable: {answer.reason or 'DNS'}")
        case Status.NXDOMAIN | Status.NODATA:
            yield SignatureError("permerror", "no key for signature")
        case Status.OK:
            if not answer.txt:
                yield SignatureError("permerror", "no key for signature")
            for record in answer.txt[:MAX_KEY_RECORDS]:
                try:
                    yield parse_key(record)
                except SignatureError as error:
                    yield error


def check_size(key: Key) -> None:
    """Refuse RSA keys that may not or need not be trusted (RFC 8301 3.2); a local policy result."""
    if key.algorithm == "rsa" and key.bits < MIN_RSA_BITS:
        raise SignatureError("policy", f"RSA key of {key.bits} bits is too short")
    if key.algorithm == "rsa" and key.bits > MAX_RSA_BITS:
        raise SignatureError("policy", f"RSA key of {key.bits} bits is too long")


def verify(key: Key, signature: bytes, digest: bytes) -> bool:
    """True if `signature` is that key's over data whose SHA-256 is `digest`."""
    try:
        if isinstance(key.public, RSAPublicKey):
            key.public.verify(signature, digest, _PADDING, _HASHED)
        else:  # RFC 8463 3: Ed25519 signs the hash
            key.public.verify(signature, digest)
    except InvalidSignature:
        return False
    return True
