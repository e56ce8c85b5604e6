"""guard - who may talk to us: token, host, origin; what every answer carries.

Owns:   Guard (ASGI middleware), Problem and its JSON form, read_body.
Rules of this file:
1. With a token, everything but /healthz and /readyz needs it (Bearer, or Basic with any user).
2. Without one we listen on this machine only (config refuses else), and the Host must be this machine:
   a page of a stranger whose name was rebound to 127.0.0.1 is refused.
3. A request that changes something comes from our own page or from no page at all.
4. Every body is read within a size and a time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Problem(Exception):
    """An answer other than success, in one JSON shape."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **details}}

    def response(self, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(self.body, self.status, headers)


class Guard:
    """Lets through what may come in, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["path"] in OPEN_PATHS and scope["method"] in SAFE_METHODS:
            return None
        if self._token:
            if not self._has_token(headers.get("authorization", "")):
                return Problem(401, "token", "a token is needed").response(
                    {"www-authenticate": 'Basic realm="filterd", charset="UTF-8"'}
                )
        elif not _is_this_machine(scope, headers.get("host", "")):
            return Problem(
                403, "host", "without a token only this machine is served"
            ).response()
        if scope["method"] not in SAFE_METHODS and not _is_same_origin(headers):
            return Problem(403, "origin", "this request comes from another site").response()
        return None

    def _has_token(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "basic":
            try:
                decoded = base64.b64decode(given.strip(), validate=True)
            except (binascii.Error, ValueError):
                return False
            password = decoded.partition(b":")[2]
        elif kind.lower() == "bearer":
            password = given.strip().encode("utf-8", "replace")
        else:
            return False
        return hmac.compare_digest(password, self._token)


def _is_this_machine(scope: Scope, host: str) -> bool:
    server = scope.get("server")
    if server is not None and server[1] is None:  # a unix socket: its permissions decide
        return True
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_same_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site", "none")
    if site not in {"none", "same-origin"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body; Problem 413 over `limit` bytes, 408 when it takes longer than `seconds`."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise Problem(413, "too-large", f"at most {limit} bytes", limit=limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise Problem(413, "too-large", f"at most {limit} bytes", limit=limit)
                parts.append(chunk)
    except TimeoutError:
        raise Problem(408, "too-slow", f"the request took longer than {seconds:g} s") from None
    except ClientDisconnect:
        raise Problem(400, "gone", "the client hung up") from None
    return b"".join(parts)
