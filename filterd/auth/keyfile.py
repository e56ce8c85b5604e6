"""keyfile - private keys for signing: files, signatures, and the record that publishes each.

Owns:   Signer, load_signers, read_key, write_key, generate, published.
Not here: what is signed (auth.seal), public keys of others (auth.key).
RFC 6376 3.6.1, RFC 8301 (2048 bits), RFC 8463. Files: PEM (PKCS#8 or PKCS#1), or the base64 of a raw
Ed25519 seed as dkimpy's dknewkey writes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from filterd.auth.key import MIN_RSA_BITS
from filterd.auth.settings import SigningSettings
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.mail.domain import to_alabel

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
Kind = Literal["rsa", "ed25519"]

MAX_FILE = 64 << 10  # bytes; a 4096-bit key in PEM has 3,300
STRING_BYTES = 255  # of one character-string of a TXT record (RFC 1035 3.3)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and where its public half is published."""

    domain: str
    selector: str
    key: PrivateKey

    @property
    def kind(self) -> Kind:
        return "rsa" if isinstance(self.key, RSAPrivateKey) else "ed25519"

    @property
    def algorithm(self) -> str:
        """The value of a=."""
        return f"{self.kind}-sha256"

    @property
    def name(self) -> str:
        """The name of the key's TXT record."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, data: bytes) -> bytes:
        """The signature over SHA-256 of `data`, in base64."""
        digest = hashlib.sha256(data).digest()
        if isinstance(self.key, RSAPrivateKey):
            signature = self.key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        else:  # RFC 8463 3: Ed25519 signs the hash
            signature = self.key.sign(digest)
        return base64.b64encode(signature)


def load_signers(settings: SigningSettings) -> tuple[Signer, ...]:
    """Read every key of `[signing]`; ConfigError with all that is wrong with any of them."""
    signers: list[Signer] = []
    problems: list[ConfigProblem] = []
    for number, entry in enumerate(settings.keys):
        where = f"signing.keys[{number}]"
        domain = to_alabel(entry.domain)
        if not domain or not to_alabel(entry.selector):
            problems.append(ConfigProblem("", where, "domain and selector must be DNS names"))
            continue
        try:
            key = read_key(Path(entry.key))
        except ValueError as error:
            problems.append(ConfigProblem("", f"{where}.key", str(error)))
            continue
        signers.append(Signer(domain, entry.selector.lower(), key))
    seal_domain = settings.seal_domain
    sealers = [s for s in signers if s.domain == to_alabel(seal_domain) and s.kind == "rsa"]
    if seal_domain and not problems and not sealers:
        message = f"no rsa key of {seal_domain} in signing.keys"
        problems.append(ConfigProblem("", "signing.seal_domain", message))
    if problems:
        raise ConfigError(problems)
    return tuple(signers)


def read_key(path: Path) -> PrivateKey:
    """The private key in that file; ValueError, in words for the admin, if there is none usable."""
    try:
        if path.stat().st_mode & 0o007:
            raise ValueError(f"{path} can be read by everybody; chmod 640 or 600")
        with path.open("rb") as file:
            content = file.read(MAX_FILE)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    try:
        if b"-----BEGIN" in content:
            key = load_pem_private_key(content, password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(
                base64.b64decode(content.strip(), validate=True)
            )
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError(f"{path} holds no private key that can be read (PEM)") from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(
                f"{path}: RSA keys under {MIN_RSA_BITS} bits never verify (RFC 8301)"
            )
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError(f"{path}: DKIM knows RSA and Ed25519 keys only")


def generate(kind: Kind, bits: int = 2048) -> PrivateKey:
    """A fresh private key."""
    if kind == "rsa":
        return generate_private_key(65537, bits)
    return Ed25519PrivateKey.generate()


def write_key(path: Path, key: PrivateKey) -> None:
    """Write a new file that its owner alone can read; OSError, also where it exists already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - Path.open takes no descriptor
        file.write(to_pem(key))


def to_pem(key: PrivateKey) -> bytes:
    """The key as a PEM file (PKCS#8)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def published(signer: Signer) -> str:
    """The value of the TXT record that publishes the key."""
    public = signer.key.public_key()
    if signer.kind == "rsa":
        material = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        material = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={signer.kind}; p={base64.b64encode(material).decode('ascii')}"


def zone_line(signer: Signer) -> str:
    """The record as a line of a zone file, in strings of at most 255 octets."""
    text = published(signer)
    strings = " ".join(
        f'"{text[start : start + STRING_BYTES]}"' for start in range(0, len(text), STRING_BYTES)
    )
    return f"{signer.name}. IN TXT ( {strings} )"
