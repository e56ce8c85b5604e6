"""Key files: everything wrong with any of them is said at once, and what is published fits."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from filterd.auth import keyfile
from filterd.auth.key import parse_key, verify
from filterd.auth.settings import SigningKey, SigningSettings
from filterd.core.errors import ConfigError
from tests.support.signing import ed25519_key, pem, rsa_key


def write(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def one(path: str, domain: str = "example.org", selector: str = "s") -> SigningSettings:
    return SigningSettings(keys=(SigningKey(domain=domain, selector=selector, key=path),))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_generated_key_signs_what_its_record_verifies(
    kind: keyfile.Kind, tmp_path: Path
) -> None:
    path = write(tmp_path / "key", keyfile.to_pem(keyfile.generate(kind, 1024)))
    (signer,) = keyfile.load_signers(one(path, "Example.ORG", "S1"))
    assert (signer.name, signer.algorithm) == ("s1._domainkey.example.org", f"{kind}-sha256")
    signature = base64.b64decode(signer.sign(b"text"))
    key = parse_key(keyfile.published(signer).encode())
    assert verify(key, signature, hashlib.sha256(b"text").digest())


@pytest.mark.parametrize(
    "content",
    [
        pem(rsa_key()),
        base64.b64encode(
            ed25519_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        ),
    ],
    ids=["pkcs1", "dknewkey-ed25519"],
)
def test_files_of_other_tools_are_read(content: bytes, tmp_path: Path) -> None:
    assert len(keyfile.load_signers(one(write(tmp_path / "key", content)))) == 1


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"junk", 0o600, "no private key that can be read"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "no private key"),
        (b"", 0o600, "no private key"),
        (pem(rsa_key()), 0o644, "can be read by everybody"),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            0o600,
            "RSA and Ed25519 keys only",
        ),
    ],
    ids=["junk", "broken-pem", "empty", "open-to-all", "ecdsa"],
)  # fmt: skip
def test_unusable_files_say_why(
    content: bytes, mode: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        keyfile.load_signers(one(write(tmp_path / "key", content, mode)))


def test_short_key_is_refused_before_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyfile, "MIN_RSA_BITS", 1025)  # nothing makes 512 bits any more
    with pytest.raises(ConfigError, match="under 1025 bits never verify"):
        keyfile.load_signers(one(write(tmp_path / "key", pem(rsa_key(1024)))))


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    settings = SigningSettings(
        keys=(
            SigningKey(domain="exa mple", selector="s", key="x"),
            SigningKey(domain="example.org", selector="s", key=str(tmp_path / "absent")),
            SigningKey(
                domain="example.org", selector="s", key=write(tmp_path / "key", b"junk")
            ),
        )
    )
    with pytest.raises(ConfigError) as caught:
        keyfile.load_signers(settings)
    assert [problem.where for problem in caught.value.problems] == [
        "signing.keys[0]",
        "signing.keys[1].key",
        "signing.keys[2].key",
    ]


def test_sealing_needs_an_rsa_key_of_its_domain(tmp_path: Path) -> None:
    path = write(tmp_path / "key", keyfile.to_pem(keyfile.generate("ed25519")))
    settings = one(path).model_copy(update={"seal_domain": "example.org"})
    with pytest.raises(ConfigError, match="no rsa key of"):
        keyfile.load_signers(settings)


def test_record_is_split_into_strings_of_255() -> None:
    signer = keyfile.Signer("example.org", "s", rsa_key(2048))
    line = keyfile.zone_line(signer)
    assert line.startswith('s._domainkey.example.org. IN TXT ( "v=DKIM1; k=rsa; p=')
    strings = line.split('"')[1::2]
    assert all(len(text) <= 255 for text in strings)
    assert "".join(strings) == keyfile.published(signer)
