"""app - the HTTP application: routes, guard, errors.

Owns:   make_app.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from filterd.core.errors import FilterdError
from filterd.frontends.http.api import Api, on_problem
from filterd.frontends.http.guard import Guard, Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from filterd.frontends.http.services import HttpServices

log = logging.getLogger("filterd.http")


def make_app(services: HttpServices) -> ASGIApp:
    """The guarded application of one process."""
    api = Api(services)

    app = Starlette(
        routes=api.routes,
        exception_handlers={
            Problem: on_problem,
            FilterdError: on_problem,
            HTTPException: _on_http_exception,
            Exception: _on_bug,
        },
    )
    return Guard(app, services.settings.http.token.get_secret_value())


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "unknown", 405: "method"}.get(error.status_code, "refused")
    return Problem(error.status_code, code, error.detail).response(
        dict(error.headers) if error.headers else None
    )


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return await on_problem(request, error)
