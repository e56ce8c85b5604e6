"""signing - private keys made for one run of the tests, and DKIM signatures by dkimpy (the oracle)."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@cache
def _rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def rsa_key(bits: int = 1024) -> rsa.RSAPrivateKey:
    """One key a size and run, however it is asked for."""
    return _rsa_key(bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def rsa_record(bits: int = 1024, tags: str = "v=DKIM1; k=rsa; ") -> str:
    der = (
        rsa_key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return f"{tags}p={base64.b64encode(der).decode()}"


def ed25519_record(tags: str = "v=DKIM1; k=ed25519; ") -> str:
    raw = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{tags}p={base64.b64encode(raw).decode()}"


def signed(
    message: bytes,
    *,
    domain: str = "example.org",
    selector: str = "s",
    bits: int = 1024,
    algorithm: str = "rsa-sha256",
    canonicalize: str = "relaxed/relaxed",
    include: tuple[str, ...] = ("from", "to", "subject", "from"),
    identity: str | None = None,
    length: bool = False,
) -> bytes:
    """The message with one DKIM-Signature on top, made by dkimpy."""
    if algorithm == "ed25519-sha256":
        raw = ed25519_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secret = base64.b64encode(raw)
    else:
        secret = pem(rsa_key(bits))
    header, _, body = canonicalize.partition("/")
    field = dkim.sign(
        message,
        selector.encode(),
        domain.encode(),
        secret,
        identity=identity.encode() if identity else None,
        canonicalize=(header.encode(), body.encode()),
        signature_algorithm=algorithm.encode(),
        include_headers=[name.encode() for name in include],
        length=length,
    )
    return field + message


def crafted(
    message: bytes,
    tags: str = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from:to:subject",
    *,
    bits: int = 1024,
    name: str = "DKIM-Signature",
    body_hash: bytes | None = None,
) -> bytes:
    """The message under a signature with exactly those tags, then bh= and b=; c= and l= are obeyed.

    Written from RFC 6376 3.4 with regular expressions, slow and plain, for tags no signer would write.
    """
    header, _, body = message.partition(b"\r\n\r\n")
    found = re.search(r"\bc=\s*(\w+)(?:/(\w*))?", tags, re.IGNORECASE)
    header_way, body_way = found.groups() if found else ("simple", "simple")
    text = _canonical_body(body, (body_way or "simple").lower())
    limit = re.search(r"\bl=(\d+)", tags)
    if limit:
        text = text[: int(limit[1])]
    digest = body_hash if body_hash is not None else hashlib.sha256(text).digest()
    value = f" {tags}; bh={base64.b64encode(digest).decode()}; b="
    fields = re.sub(rb"\r\n(?=[ \t])", b"\0", header).split(b"\r\n")
    hashed = b""
    for wanted in re.search(r"h=([^;]*)", tags)[1].split(":"):  # type: ignore[index]
        for index in range(len(fields) - 1, -1, -1):
            field_name = fields[index].partition(b":")[0]
            if field_name.strip().lower().decode() == wanted.strip().lower():
                hashed += _canonical_field(fields[index], header_way.lower()) + b"\r\n"
                del fields[index]
                break
    hashed += _canonical_field(f"{name}:{value}".encode(), header_way.lower())
    if "ed25519" in tags:
        signature = ed25519_key().sign(hashlib.sha256(hashed).digest())
    else:
        signature = rsa_key(bits).sign(hashed, PKCS1v15(), SHA256())
    return f"{name}:{value}{base64.b64encode(signature).decode()}\r\n".encode() + message


def _canonical_body(body: bytes, way: str) -> bytes:
    if way == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (\r\n|\Z)", rb"\1", body)
    content = re.sub(rb"(?:\r\n)*\Z", b"", body, count=1)
    return content + b"\r\n" if content or way == "simple" else b""


def _canonical_field(field: bytes, way: str) -> bytes:
    """One field, NUL where it was folded."""
    if way == "simple":
        return field.replace(b"\0", b"\r\n")
    field_name, _, content = field.replace(b"\0", b"").partition(b":")
    return field_name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", content).strip()
