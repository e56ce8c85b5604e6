"""A real HTTP server of ours on loopback, and a client that says what came back."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filterd.frontends.http.app import make_app
from filterd.frontends.http.service import HttpService
from filterd.frontends.http.services import HttpServices


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Client:
    port: int

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def post_json(self, target: str, value: Any) -> Answer:
        return self("POST", target, json.dumps(value), {"Content-Type": "application/json"})


@contextlib.contextmanager
def serving(services: HttpServices) -> Iterator[Client]:
    """That application served as a worker serves it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    service = HttpService(make_app(services))
    thread = threading.Thread(target=service.run, args=(listener,), daemon=True)
    thread.start()
    try:
        yield Client(port)
    finally:
        service.retire(10)
        thread.join(10)
        service.close()
