"""The door to Redis: how it is reached (TLS, unix socket, user), where keys go, what a fork keeps."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from filterd.core.errors import StoreUnavailable
from filterd.core.stores import Standing, Terms
from filterd.store.link import Link, _address
from filterd.store.redis import RedisState
from filterd.store.settings import StoreSettings
from tests.support.redisserver import RedisServer

T0 = 1_790_000_000.0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis.example:6380", ("redis.example", 6380)),
        ("redis.example", ("redis.example", 26379)),
        ("[2001:db8::1]:6380", ("2001:db8::1", 6380)),
        ("[2001:db8::1]", ("2001:db8::1", 26379)),
        ("2001:db8::1", ("2001:db8::1", 26379)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
    ],
)
def test_addresses_of_nodes(text: str, address: tuple[str, int]) -> None:
    assert _address(text, 26379) == address


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"url": "redis://u:secret@192.0.2.1:6380/3"}, "192.0.2.1:6380"),
        ({"url": "unix:///run/redis.sock"}, "/run/redis.sock"),
        (
            {"topology": "cluster", "nodes": ("a:1", "b:2"), "url": "redis://:secret@x/0"},
            "a:1, b:2",
        ),
    ],
)
def test_where_shows_no_password(settings: dict[str, Any], where: str) -> None:
    assert Link(StoreSettings.model_validate({"kind": "redis", **settings})).where == where


def opened(**settings: Any) -> RedisState:
    return RedisState(StoreSettings.model_validate({"kind": "redis", **settings}))


def ask(state: RedisState) -> Standing:
    return state.attempt("net", ["x"], T0, Terms()).standing


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


@pytest.mark.redis
@pytest.mark.skipif(not RedisServer.available(), reason="redis-server is not installed")
def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path)
    plain = RedisServer(tmp_path)
    tls_port = str(plain.port + 1 if plain.port < 65535 else plain.port - 1)
    plain.configure(
        [
            f"tls-port {tls_port}",
            f"tls-cert-file {cert}",
            f"tls-key-file {key}",
            f"tls-ca-cert-file {cert}",
            "tls-auth-clients yes",
        ]
    )
    try:
        plain.start()
    except RuntimeError as error:
        pytest.skip(f"this redis-server has no TLS: {error}")
    url = f"rediss://127.0.0.1:{tls_port}/0"
    files = {"tls_ca": str(cert), "tls_certificate": str(cert), "tls_key": str(key)}
    try:
        state = opened(url=url, timeout=2.0, **files)
        assert ask(state) is Standing.FIRST
        state.close()
        strangers = opened(url=url, timeout=2.0)
        with pytest.raises(StoreUnavailable, match="certificate"):
            ask(strangers)
        strangers.close()
    finally:
        plain.stop()


@pytest.mark.redis
@pytest.mark.skipif(not RedisServer.available(), reason="redis-server is not installed")
def test_a_unix_socket_and_a_database_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with RedisServer(tmp_path, unixsocket=str(path)) as server:
        state = opened(url=f"unix://{path}?db=3")
        assert ask(state) is Standing.FIRST
        assert "db3:keys=" in server.command("INFO", "keyspace")
        state.close()


@pytest.mark.redis
def test_a_fork_makes_connections_of_its_own(
    servers: Callable[[str], dict[str, Any]],
) -> None:
    state = opened(prefix="fork", timeout=2.0, **servers("redis"))
    assert ask(state) is Standing.FIRST
    parents = list(
        state._door.link._servers.values()
    )  # kept, so that no child can have their ids
    pid = os.fork()
    if pid == 0:
        standing = ask(state)
        is_new = all(s not in parents for s in state._door.link._servers.values())
        os._exit(0 if standing is Standing.EARLY and is_new else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ask(state) is Standing.EARLY
    assert state.health().failures == 0
    state.close()


@pytest.mark.redis
def test_every_key_has_the_prefix_and_an_expiry(
    servers: Callable[[str], dict[str, Any]],
) -> None:
    from filterd.core.stores import Bucket

    state = opened(prefix="tidy", timeout=2.0, **servers("redis"))
    ask(state)
    state.attempt("net", ["x"], T0 + 100, Terms())
    state.charge([Bucket("b", 1, 60, 10)], 1, T0)
    state.sent(["p"], T0, 1000)
    state.spring(["192.0.2.1/32"], T0, 1000)
    keys = [key for page in state._door.pages() for key in page]
    assert len(keys) == 6
    for key in keys:
        ttl = state._door.call("TTL", key)
        assert ttl > 0 or key.endswith(b":ledger"), key
    state.close()
