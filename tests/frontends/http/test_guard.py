from __future__ import annotations

import base64
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.config.load import load
from filterd.core.errors import ConfigError
from filterd.frontends.http.app import make_app
from filterd.frontends.http.service import HttpService
from tests.frontends.http.test_api import MAIL, World
from tests.support.http import Client, serving

TOKEN = "a-long-secret"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    world = World(tmp_path_factory.mktemp("guard"))
    with serving(world.services(**{"http.token": TOKEN})) as client:
        yield client


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(World(tmp_path_factory.mktemp("guard")).services()) as client:
        yield client


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


OPENING = {
    "bearer": f"Bearer {TOKEN}",
    "bearer-small": f"bearer {TOKEN}",
    "basic": basic("anyone", TOKEN),
    "basic-no-user": basic("", TOKEN),
}
CLOSED = {
    "nothing": "",
    "wrong": "Bearer nope",
    "prefix": f"Bearer {TOKEN[:-1]}",
    "empty": "Bearer ",
    "empty-basic": basic("x", ""),
    "token-as-user": basic(TOKEN, ""),
    "not-base64": "Basic %%%",
    "other-scheme": f"Digest {TOKEN}",
    "utf-8": "Bearer \xe4",
}
PATHS = [
    "/metrics",
    "/v1/status",
    "/openapi.json",
    "/v1/verdicts/X",
    "/nowhere",
    "//healthz",
    "/healthz/",
]


@pytest.mark.parametrize("value", OPENING.values(), ids=OPENING)
def test_the_token_opens(closed: Client, value: str) -> None:
    assert closed("GET", "/v1/status", headers={"Authorization": value}).status == 200


@pytest.mark.parametrize("value", CLOSED.values(), ids=CLOSED)
def test_nothing_else_opens(closed: Client, value: str) -> None:
    answer = closed("GET", "/v1/status", headers={"Authorization": value})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_but_health_needs_it(closed: Client, path: str) -> None:
    assert closed("GET", path).status == 401


def test_health_needs_none(closed: Client) -> None:
    assert closed("GET", "/healthz").status == 200
    assert closed("GET", "/readyz").status == 200
    assert closed("POST", "/healthz").status == 401


def test_a_listener_for_others_without_a_token_is_refused_at_start() -> None:
    sockets = {"http.enabled": "true", "http.sockets": "inet:0.0.0.0:8896"}
    with pytest.raises(ConfigError, match="needs a token"):
        load(None, sockets)
    load(None, {**sockets, "http.token": TOKEN})
    load(None, {"http.enabled": "true", "http.sockets": "inet:[::1]:8896, unix:/run/x"})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8896", "127.0.0.1", "127.9.9.9:1", "[::1]:8896"]
)
def test_without_a_token_this_machine_is_served(local: Client, host: str) -> None:
    assert local("GET", "/v1/status", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "10.0.0.1", "127.0.0.1.example", "localhost.example", ""]
)
def test_a_name_rebound_to_loopback_is_refused(local: Client, host: str) -> None:
    assert local("GET", "/v1/status", headers={"Host": host}).status == 403


CROSS = {
    "origin": {"Origin": "https://evil.example"},
    "null-origin": {"Origin": "null"},
    "other-port": {"Origin": "http://127.0.0.1:1"},
    "fetch-metadata": {"Sec-Fetch-Site": "cross-site"},
    "same-site-only": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", CROSS.values(), ids=CROSS)
def test_a_page_of_another_site_changes_nothing(local: Client, headers: dict[str, str]) -> None:
    assert local("POST", "/v1/learn?label=ham", MAIL, headers).status == 403
    assert local("GET", "/v1/status", headers=headers).status == 200


def test_our_own_page_may(local: Client) -> None:
    headers = {"Origin": f"http://127.0.0.1:{local.port}", "Sec-Fetch-Site": "same-origin"}
    assert local("POST", "/v1/learn?label=ham", MAIL, headers).status == 200


def test_every_answer_forbids_what_a_page_of_ours_never_needs(local: Client) -> None:
    for target in ("/healthz", "/nowhere", "/v1/status"):
        headers = local("GET", target).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_a_unix_socket_is_guarded_by_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    path.chmod(0o600)
    service = HttpService(make_app(World(tmp_path).services()))
    thread = threading.Thread(target=service.run, args=(listener,), daemon=True)
    thread.start()
    try:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(20)
            raw.connect(str(path))
            raw.sendall(
                b"GET /v1/status HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n"
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        service.retire(10)
        thread.join(10)
