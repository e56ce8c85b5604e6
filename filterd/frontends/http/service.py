"""service - uvicorn in one worker process, on the master's listening socket.

Owns:   HttpService (serve.worker.Running): run, retire, close; uvicorn's limits.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger("filterd.http")

MOST_CONNECTIONS = 200  # more are answered 503
KEEP_ALIVE = 5  # seconds


class HttpService:
    """The HTTP front end of one worker. `run` returns when `retire` has let the last answer go."""

    def __init__(self, app: ASGIApp) -> None:
        import uvicorn

        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE,
                h11_max_incomplete_event_size=64 << 10,
            )
        )
        self._ended = threading.Event()

    def run(self, listener: socket.socket) -> None:
        """Serve requests of `listener` until retired."""
        try:
            self._server.run(sockets=[listener])
        finally:
            self._ended.set()

    def retire(self, patience: float) -> None:
        """Take no new requests, wait up to `patience` seconds for those begun."""
        self._server.should_exit = True
        if not self._ended.wait(patience):
            log.warning("requests cut off after %.0f s", patience)
            self._server.force_exit = True

    def close(self) -> None:
        """Nothing is kept open."""
