"""page - what a mail admin sees at /: overview, history, one verdict, scan and learn, rules.

Owns:   Page: the views. The HTML is in templates/, escaped by Jinja.
Not here: the numbers in them (figures), their bars (chart).
Server-rendered, no script needed, nothing fetched from elsewhere. The overview reads the trend (memory),
never the history, so that its cost does not grow with the mail kept.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

import filterd
from filterd.core.verdict import Action
from filterd.frontends.http import figures
from filterd.frontends.http.api import SCAN_THREADS, query_of
from filterd.frontends.http.chart import Bar, bars
from filterd.frontends.http.guard import Problem
from filterd.frontends.http.schema import LearnRequest, ScanRequest, read_request, to_submission
from filterd.mail.message import Message
from filterd.observe.metrics import read_totals
from filterd.observe.status import is_alive
from filterd.scan.explain import turning
from filterd.scan.report import plain_record, plain_verdict
from filterd.scan.submit import on_the_wire

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from filterd.frontends.http.api import Api
    from filterd.frontends.http.services import HttpServices
    from filterd.observe.trend import Trend

HERE = Path(__file__).parent
ACTIONS = tuple(action.value for action in Action)
TOP_SYMBOLS = 15
LEDGER_DAYS = 7
SPANS = {"1 hour": 3600.0, "24 hours": 86400.0, "7 days": 7 * 86400.0, "30 days": 30 * 86400.0}
MOST_LEARNABLE = 2 << 20  # bytes of a scanned message that the result page carries for learning
STATIC = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Page:
    """The views."""

    def __init__(self, services: HttpServices, api: Api, trend: Trend) -> None:
        self._services = services
        self._api = api
        self._trend = trend
        self._http = services.settings.http

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self.overview, methods=["GET"]),
            Route("/history", self.history, methods=["GET"]),
            Route("/verdict/", self.explain, methods=["GET"]),
            Route("/verdict/{id}", self.verdict, methods=["GET"]),
            Route("/scan", self.scan_form, methods=["GET"]),
            Route("/scan", self.scan, methods=["POST"]),
            Route("/learn", self.learn, methods=["POST"]),
            Route("/rules", self.rules, methods=["GET"]),
            Route("/static/{name}", self.static, methods=["GET"]),
        ]

    @cached_property
    def _threads(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(SCAN_THREADS)

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        env.filters.update(
            points=figures.points,
            clock=figures.clock,
            count=figures.count,
            percent=figures.percent,
        )
        return env

    def warm(self) -> None:
        """Compile the templates now: the first visitor waits 300 ms else."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def render(self, template: str, code: int = 200, **values: Any) -> Response:
        """That template with what every view shows."""
        text = self._templates.get_template(template).render(
            version=filterd.__version__,
            mode=self._services.settings.mode,
            actions=ACTIONS,
            **values,
        )
        return HTMLResponse(text.encode("utf-8", "replace"), code)

    # -- views ------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        """Traffic, verdicts, symbols, lists, stores, greylist, model."""
        return await run_in_threadpool(self._overview)

    def _overview(self) -> Response:
        now = self._services.clock.now()
        self._trend.update(now)
        status = self._api.plain_status()
        totals = read_totals(self._services.metrics_dir)
        day = self._trend.actions(now, 48, 2)
        sums = {action: sum(slot.get(action, 0) for slot in day) for action in ACTIONS}
        return self.render(
            "overview.html",
            here="overview",
            now=now,
            alive=is_alive(status, now),
            status=status,
            sums=sums,
            total=sum(sums.values()),
            chart=bars(day, ACTIONS, now, 1800.0),
            symbols=self._top_symbols(now),
            zones=figures.zones(totals, {s.zone: s.reason for s in self._services.zones()}),
            scans=figures.scan_times(totals),
            failures=figures.labelled(totals, "filterd_check_failures"),
            auth=figures.auth(totals),
            greylist=self._greylist(now),
            opinions=self._opinions(now),
            Bar=Bar,
        )

    def _top_symbols(self, now: float) -> list[dict[str, Any]]:
        rules = {rule.symbol: rule for rule in self._services.rules}
        found = []
        for symbol, hits in self._trend.symbols(now).most_common(TOP_SYMBOLS):
            rule = rules.get(symbol)
            found.append(
                {
                    "symbol": symbol,
                    "hits": hits,
                    "points": rule.points if rule else 0.0,
                    "describe": rule.describe if rule else "",
                }
            )
        return found

    def _opinions(self, now: float) -> dict[str, int]:
        """How often the classifier said what, over the last day; empty where it said nothing."""
        hits = self._trend.symbols(now)
        found = {name: hits[f"CLASSIFIER_{name.upper()}"] for name in ("ham", "spam")}
        return found if any(found.values()) else {}

    def _greylist(self, now: float) -> dict[str, Any] | None:
        if self._services.greylist is None:
            return None
        return figures.greylist_benefit(
            self._services.greylist.ledger(now - LEDGER_DAYS * 86400)
        )

    async def history(self, request: Request) -> Response:
        """Search, and what it found."""
        history = self._services.history
        if history is None:
            return self.render("problem.html", 503, here="history", title="History",
                               message="No verdicts are recorded (history.enabled = false).")  # fmt: skip
        try:
            query = query_of(request)
        except Problem as problem:
            return self._problem("history", problem)
        given = request.query_params
        if given.get("within") in SPANS:
            query = replace(query, since=self._services.clock.now() - SPANS[given["within"]])
        records = await run_in_threadpool(history.search, query)
        older = ""
        if len(records) == query.limit:
            older = str(request.url.include_query_params(until=records[-1].at).query)
        return self.render(
            "history.html",
            here="history",
            records=records,
            given=given,
            spans=SPANS,
            older=older,
        )

    async def verdict(self, request: Request) -> Response:
        """One verdict, explained."""
        history = self._services.history
        wanted = request.path_params["id"]
        record = None
        if history is not None:
            record = await run_in_threadpool(history.find, wanted) or await run_in_threadpool(
                history.find, wanted.upper()
            )
        if record is None:
            return self.render("problem.html", 404, here="history", title="Not found",
                               message=f"No verdict {wanted} is recorded.")  # fmt: skip
        plain = plain_record(record)
        return self.render(
            "verdict.html",
            here="history",
            verdict=plain,
            stages=figures.stages(plain),
            at=record.at,
        )

    async def explain(self, request: Request) -> Response:
        """From the form, where no script runs, to the verdict's own address."""
        wanted = request.query_params.get("id", "").strip()
        return RedirectResponse(
            f"/verdict/{quote(wanted, safe='')}" if wanted else "/history", 303
        )

    async def scan_form(self, request: Request) -> Response:
        """Paste or drop a message."""
        return self.render(
            "scan.html", here="scan", verdict=None, given={}, stages=(), carried=""
        )

    async def scan(self, request: Request) -> Response:
        """The message that was given, judged."""
        try:
            given, raw = await read_request(
                request, ScanRequest, self._http.max_message, self._http.timeout
            )
            wanted = to_submission(given, raw)
        except Problem as problem:
            return self._problem("scan", problem)
        verdict = await anyio.to_thread.run_sync(
            self._services.scanner.scan, wanted, limiter=self._threads
        )
        plain = plain_verdict(verdict) | {"turning": turning(verdict)}
        carried = ""
        if self._services.learn is not None and len(raw) <= MOST_LEARNABLE:
            carried = base64.b64encode(raw).decode()
        shown = given.model_dump(by_alias=True, exclude={"message", "message_base64"})
        return self.render(
            "scan.html",
            here="scan",
            verdict=plain,
            given=shown,
            stages=figures.stages(plain),
            carried=carried,
        )

    async def learn(self, request: Request) -> Response:
        """Teach the classifier from the result of a scan."""
        learn = self._services.learn
        try:
            if learn is None:
                raise Problem(503, "off", "there is no classifier to teach")
            given, raw = await read_request(
                request, LearnRequest, self._http.max_message, self._http.timeout
            )
            message = Message.from_bytes(on_the_wire(raw))
            outcome = await run_in_threadpool(learn, message, given.label, given.user or "page")
        except Problem as problem:
            return self._problem("scan", problem)
        return self.render("learned.html", here="scan", label=given.label, outcome=outcome)

    async def rules(self, request: Request) -> Response:
        """Every symbol: points, hits."""
        order = request.query_params.get("sort", "hits")
        words = request.query_params.get("find", "").strip()
        lines = await run_in_threadpool(self._rule_lines, order, words)
        return self.render("rules.html", here="rules", lines=lines, sort=order, find=words)

    def _rule_lines(self, order: str, words: str) -> list[dict[str, Any]]:
        now = self._services.clock.now()
        self._trend.update(now)
        day, week = self._trend.symbols(now), self._trend.symbols(now, 168)
        lines = [
            {
                "symbol": rule.symbol, "points": rule.points, "group": rule.group,
                "describe": rule.describe, "shadow": rule.shadow,
                "day": day[rule.symbol], "week": week[rule.symbol],
            }
            for rule in self._services.rules
            if words.lower() in f"{rule.symbol} {rule.describe} {rule.group}".lower()
        ]  # fmt: skip
        keys: Mapping[str, Any] = {
            "hits": lambda line: (-line["day"], -line["week"], line["symbol"]),
            "points": lambda line: (-line["points"], line["symbol"]),
            "symbol": lambda line: line["symbol"],
            "group": lambda line: (line["group"], line["symbol"]),
        }
        return sorted(lines, key=keys.get(order, keys["hits"]))

    async def static(self, request: Request) -> Response:
        """Style, script, icon; the only files there are."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise Problem(404, "unknown", f"no file {name}")
        headers = {"cache-control": "max-age=3600"}
        return FileResponse(HERE / "static" / name, headers=headers, media_type=STATIC[name])

    def _problem(self, here: str, problem: Problem) -> Response:
        return self.render(
            "problem.html",
            problem.status,
            here=here,
            title="That did not work",
            message=str(problem),
        )
