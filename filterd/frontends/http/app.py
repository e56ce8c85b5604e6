"""app - the HTTP application: routes, guard, errors, the trend that is kept while it runs.

Owns:   make_app.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from filterd.core.errors import FilterdError
from filterd.frontends.http.api import Api, on_problem
from filterd.frontends.http.guard import Guard, Problem
from filterd.frontends.http.page import Page
from filterd.observe.trend import Trend

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from filterd.frontends.http.services import HttpServices

log = logging.getLogger("filterd.http")

UPDATE_SECONDS = 15.0  # between looks at the counts
SAVE_EVERY = 4  # looks


def make_app(services: HttpServices) -> ASGIApp:
    """The guarded application of one process."""
    api = Api(services)
    trend = Trend(services.metrics_dir)
    page = Page(services, api, trend)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        page.warm()
        keeping = asyncio.create_task(_keep(services, trend))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            trend.update(services.clock.now())
            trend.save()

    app = Starlette(
        routes=[*api.routes, *page.routes],
        lifespan=lifespan,
        exception_handlers={
            Problem: on_problem,
            FilterdError: on_problem,
            HTTPException: _on_http_exception,
            Exception: _on_bug,
        },
    )
    return Guard(app, services.settings.http.token.get_secret_value())


async def _keep(services: HttpServices, trend: Trend) -> None:
    turn = 0
    while True:
        await run_in_threadpool(trend.update, services.clock.now())
        turn += 1
        if turn % SAVE_EVERY == 0:
            await run_in_threadpool(trend.save)
        await asyncio.sleep(UPDATE_SECONDS)


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "unknown", 405: "method"}.get(error.status_code, "refused")
    return Problem(error.status_code, code, error.detail).response(
        dict(error.headers) if error.headers else None
    )


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return await on_problem(request, error)
