"""schema - requests as they come over HTTP, and what they ask for.

Owns:   ScanRequest, LearnRequest, read_request, to_submission.
Not here: the description of all of it (openapi).
A message comes as JSON, as multipart/form-data, or as the plain body with the envelope in the query
(curl --data-binary @mail.eml 'http://127.0.0.1:8896/v1/scan?client=192.0.2.1').
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from filterd.config.decode import decode
from filterd.core.errors import ConfigError
from filterd.core.settings import Settings
from filterd.frontends.http.guard import Problem, read_body
from filterd.limits import LIMITS
from filterd.scan.submit import submission

if TYPE_CHECKING:
    from starlette.types import Message

    from filterd.scan.scanner import Submission

Wanted = TypeVar("Wanted", bound="LearnRequest | ScanRequest")

FORM_SLACK = 64 << 10  # envelope, boundaries and JSON punctuation around a message
_LISTS = ("to",)


class ScanRequest(Settings):
    """A message and what is known of its delivery."""

    message: str = Field(default="", description="The message as text.")
    message_base64: str = Field(
        default="", description="The message in base64; use it for 8-bit mail."
    )
    client: str = Field(default="", description="Address of the connecting client.")
    client_name: str = Field(
        default="", max_length=255, description="Its name as the MTA verified it."
    )
    helo: str = Field(default="", max_length=1000, description="What it said at HELO or EHLO.")
    mail_from: str = Field(
        default="",
        alias="from",
        max_length=1000,
        description="Reverse-path; empty for a bounce.",
    )
    to: tuple[str, ...] = Field(
        default=(), max_length=LIMITS.recipients, description="Recipients."
    )
    auth_user: str = Field(default="", max_length=255, description="User who logged in.")
    tls: str = Field(default="", max_length=40, description="TLS version of the session.")
    queue_id: str = Field(default="", max_length=64, description="Queue-id to report.")
    mta_name: str = Field(default="", max_length=255, description="The MTA's own name.")
    daemon_name: str = Field(default="", max_length=255, description="The MTA's service.")


class LearnRequest(Settings):
    """A message and what somebody says it is."""

    message: str = Field(default="", description="The message as text.")
    message_base64: str = Field(default="", description="The message in base64.")
    label: Literal["spam", "ham"] = Field(description="What it is.")
    user: str = Field(default="", max_length=255, description="Who says so.")


async def read_request(
    request: Request, model: type[Wanted], limit: int, seconds: float
) -> tuple[Wanted, bytes]:
    """The request and its message; Problem 400, 408, 413 or 422 with everything that is wrong."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        # base64 takes 4/3; JSON escapes of text may take more, and are then better sent in base64
        body = await read_body(request, limit * 4 // 3 + FORM_SLACK, seconds)
        table = _json(body)
        raw = _text(table)
    elif kind == "multipart/form-data":
        body = await read_body(request, limit + FORM_SLACK, seconds)
        table, raw = await _multipart(request, body)
    else:
        raw = await read_body(request, limit, seconds)
        table = _query(request)
    try:
        given = decode(model, table)
    except ConfigError as error:
        problems = [{"key": p.where, "message": p.message} for p in error.problems]
        raise Problem(
            422, "invalid", "; ".join(map(str, error.problems)), problems=problems
        ) from None
    raw = raw or _message(given)
    if not raw:
        raise Problem(422, "invalid", "there is no message")
    if len(raw) > limit:
        raise Problem(413, "too-large", f"at most {limit} bytes", limit=limit)
    return given, raw


def _json(body: bytes) -> dict[str, Any]:
    try:
        table = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "syntax", "the body is not JSON") from None
    if not isinstance(table, dict):
        raise Problem(400, "syntax", "expected a JSON object")
    return table


def _text(table: dict[str, Any]) -> bytes:
    """Take the message out where it is a text; a byte that is no UTF-8 may stand as its surrogate."""
    if not isinstance(table.get("message"), str):
        return b""
    try:
        return str(table.pop("message")).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Problem(422, "invalid", "message: not a text; use message_base64") from None


async def _multipart(request: Request, body: bytes) -> tuple[dict[str, Any], bytes]:
    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    table: dict[str, Any] = {}
    raw = b""
    try:
        fields = LIMITS.recipients + 50
        form = await Request(request.scope, replay).form(
            max_files=1, max_fields=fields, max_part_size=len(body)
        )
        async with form_closing(form):
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    raw = await value.read()
                else:
                    _put(table, name, value)
    except (HTTPException, MultiPartException, ValueError) as error:
        said = error.detail if isinstance(error, HTTPException) else error
        raise Problem(400, "syntax", f"the form cannot be read: {said}") from None
    return table, raw


class form_closing:  # noqa: N801 - reads as contextlib.closing does
    """Close the temporary files of a form on leaving."""

    def __init__(self, form: Any) -> None:
        self._form = form

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        await self._form.close()


def _query(request: Request) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        _put(table, name, value)
    return table


def _put(table: dict[str, Any], name: str, value: str) -> None:
    if name in _LISTS:
        table.setdefault(name, []).append(value)
    else:
        table[name] = value


def _message(given: ScanRequest | LearnRequest) -> bytes:
    if given.message_base64:
        try:
            return base64.b64decode(given.message_base64, validate=True)
        except (binascii.Error, ValueError):
            raise Problem(422, "invalid", "message_base64: not base64") from None
    return given.message.encode()


def to_submission(given: ScanRequest, raw: bytes) -> Submission:
    """The submission of that request; Problem 422 where the client is no address."""
    try:
        return submission(
            raw,
            client=given.client,
            client_name=given.client_name,
            helo=given.helo,
            mail_from=given.mail_from,
            recipients=given.to,
            auth_user=given.auth_user,
            tls=given.tls,
            queue_id=given.queue_id,
            mta_name=given.mta_name,
            daemon_name=given.daemon_name,
        )
    except ValueError as error:
        raise Problem(422, "invalid", f"client: {error}") from None
