"""api - the endpoints for programs: scan, learn, verdicts, status, metrics, health.

Owns:   Api. Scans run in a bounded pool of threads; the same scanner as the milter's answers.
Not here: who may call (guard), shapes (schema, scan.report), the page for people (page).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import filterd
from filterd.core.errors import FilterdError, StoreUnavailable
from filterd.core.history import VerdictQuery
from filterd.core.verdict import Action
from filterd.frontends.http.guard import Problem
from filterd.frontends.http.openapi import openapi
from filterd.frontends.http.schema import (
    LearnRequest,
    ScanRequest,
    read_request,
    to_submission,
)
from filterd.mail.message import Message
from filterd.observe import metrics
from filterd.observe.status import read_status
from filterd.scan.report import plain_record, plain_verdict
from filterd.scan.submit import on_the_wire

if TYPE_CHECKING:
    from starlette.requests import Request

    from filterd.core.stores import HistoryStore
    from filterd.frontends.http.services import HttpServices

SCAN_THREADS = (
    16  # at once in this process; more wait, their clients' time is bounded by the deadline
)
MOST_FOUND = 1000

_WORKERS = metrics.Metric(
    "filterd_workers", "gauge", "Workers by kind and state.", ("worker", "state")
)
_STARTED = metrics.Metric("filterd_started_seconds", "gauge", "Start of the service.")
_GENERATION = metrics.Metric(
    "filterd_generation", "gauge", "Configurations read since the start."
)
_RELOAD_FAILED = metrics.Metric(
    "filterd_reload_failed", "gauge", "1: the last reload was refused."
)
_INFO = metrics.Metric("filterd_build", "gauge", "Version.", ("version",))
_STORE_UP = metrics.Metric(
    "filterd_store_up", "gauge", "1: the store answers.", ("store", "kind")
)


class Api:
    """The endpoints, as methods."""

    def __init__(self, services: HttpServices) -> None:
        self._services = services
        self._http = services.settings.http

    @cached_property
    def _threads(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(SCAN_THREADS)  # belongs to the running loop

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/v1/scan", self.scan, methods=["POST"]),
            Route("/v1/learn", self.learn, methods=["POST"]),
            Route("/v1/verdicts", self.search, methods=["GET"]),
            Route("/v1/verdicts/{id}", self.verdict, methods=["GET"]),
            Route("/v1/status", self.status, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
        ]

    async def scan(self, request: Request) -> Response:
        """Judge a message as the milter would."""
        given, raw = await read_request(
            request, ScanRequest, self._http.max_message, self._http.timeout
        )
        wanted = to_submission(given, raw)
        verdict = await anyio.to_thread.run_sync(
            self._services.scanner.scan, wanted, limiter=self._threads
        )
        return _json(plain_verdict(verdict))

    async def learn(self, request: Request) -> Response:
        """Take in what somebody says about a message."""
        learn = self._services.learn
        if learn is None:
            raise Problem(503, "off", "there is no classifier to teach")
        given, raw = await read_request(
            request, LearnRequest, self._http.max_message, self._http.timeout
        )
        message = Message.from_bytes(on_the_wire(raw))
        outcome = await run_in_threadpool(learn, message, given.label, given.user)
        return _json({"outcome": outcome})

    async def verdict(self, request: Request) -> Response:
        """One past verdict."""
        history = self._history()
        wanted = request.path_params["id"]
        record = await run_in_threadpool(history.find, wanted) or await run_in_threadpool(
            history.find, wanted.upper()
        )
        if record is None:
            raise Problem(404, "unknown", f"no verdict {wanted} is recorded")
        return _json(plain_record(record))

    async def search(self, request: Request) -> Response:
        """Past verdicts."""
        history = self._history()
        query = query_of(request)
        found = await run_in_threadpool(history.search, query)
        return _json({"verdicts": [plain_record(record) for record in found]})

    def _history(self) -> HistoryStore:
        if self._services.history is None:
            raise Problem(503, "off", "no verdicts are recorded (history.enabled = false)")
        return self._services.history

    async def status(self, request: Request) -> Response:
        """What runs."""
        return _json(await run_in_threadpool(self.plain_status))

    def plain_status(self) -> dict[str, Any]:
        """What runs, with what, and how its stores are."""
        services = self._services
        written = read_status(services.status_file) or {}
        return {
            "version": filterd.__version__,
            "mode": services.settings.mode,
            **services.facts,
            **written,
            "stores": [
                {
                    "name": s.name, "kind": s.kind, "where": s.where, "available": s.is_available,
                    "since": s.since, "last_error": s.last_error, "calls": s.calls,
                    "failures": s.failures, "milliseconds": round(s.milliseconds, 2),
                    "queued": s.queued, "dropped": s.dropped,
                }
                for s in services.stores()
            ],
        }  # fmt: skip

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        text = await run_in_threadpool(self._exposition)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _exposition(self) -> bytes:
        status = self.plain_status()
        workers: dict[tuple[str, str], float] = {}
        for worker in status.get("workers", ()):
            key = (str(worker["job"]), "retiring" if worker["retiring"] else "serving")
            workers[key] = workers.get(key, 0.0) + 1
        more: list[tuple[metrics.Metric, tuple[str, ...], float]] = [
            (_INFO, (filterd.__version__,), 1.0),
            *((_WORKERS, labels, count) for labels, count in workers.items()),
            *(
                (_STORE_UP, (s["name"], s["kind"]), float(s["available"]))
                for s in status["stores"]
            ),
        ]
        if "started" in status:
            more.append((_STARTED, (), float(status["started"])))
            more.append((_GENERATION, (), float(status["generation"])))
            more.append((_RELOAD_FAILED, (), float(bool(status["reload_problem"]))))
        return metrics.exposition(self._services.metrics_dir, more)

    async def healthz(self, request: Request) -> Response:
        """Alive."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """Ready to judge mail with all that is configured."""
        stores = await run_in_threadpool(lambda: list(self._services.stores()))
        waiting = [f"{s.name} ({s.kind}): {s.last_error}" for s in stores if not s.is_available]
        body = {"ready": not waiting, "waiting_for": waiting}
        return JSONResponse(body, 200 if not waiting else 503)

    async def openapi(self, request: Request) -> Response:
        """This interface, described."""
        return JSONResponse(openapi())


def _json(value: dict[str, Any]) -> Response:
    """JSON, in ASCII: what is no UTF-8 in mail is a lone surrogate in text."""
    import json

    return Response(
        json.dumps(value, allow_nan=False).encode("ascii"), media_type="application/json"
    )


def query_of(request: Request) -> VerdictQuery:
    """The search that the query string asks for; Problem 422 with what is wrong."""
    given = request.query_params
    action = given.get("action", "")
    if action and action not in {a.value for a in Action}:
        raise Problem(422, "invalid", f"action: no action {action!r}")
    return VerdictQuery(
        sender=given.get("from", "").strip(),
        recipient=given.get("to", "").strip(),
        client=given.get("client", "").strip(),
        symbol=given.get("symbol", "").strip().upper(),
        action=Action(action) if action else None,
        since=_number(given.get("since", ""), "since", 0.0),
        until=_number(given.get("until", ""), "until", math.inf),
        limit=int(min(max(_number(given.get("limit", ""), "limit", 100), 1), MOST_FOUND)),
    )


def _number(text: str, name: str, default: float) -> float:
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Problem(422, "invalid", f"{name}: expected a number")
    return number


async def on_problem(_request: Request, problem: Exception) -> Response:
    """The answer for what went wrong; our own words, never a traceback."""
    match problem:
        case Problem():
            return problem.response()
        case StoreUnavailable():
            return Problem(503, "store", f"the store does not answer: {problem}").response()
        case FilterdError():
            return Problem(503, "failed", str(problem)).response()
        case _:
            return Problem(500, "error", "the filter failed; its log says why").response()
