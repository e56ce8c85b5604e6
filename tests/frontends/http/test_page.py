from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from filterd.core.evidence import AuthResult
from filterd.core.stores import LedgerDay
from filterd.core.verdict import Action, ScoredHit, Span, Verdict
from filterd.frontends.http.services import HttpServices, RuleLine
from filterd.observe.metrics import Meter
from filterd.observe.settings import MetricsSettings
from tests.frontends.cli.test_why import RECORD
from tests.frontends.http.test_api import MAIL, World, multipart
from tests.support.builders import a_transaction
from tests.support.http import Client, serving

EVIL = "<script>alert(1)</script>\"'&"
PAGES = [
    "/",
    "/history",
    "/history?from=x&action=reject",
    "/verdict/4Xq1",
    "/scan",
    "/rules",
    "/rules?sort=points&find=dns",
]


class FakeLedger:
    def ledger(self, since: float) -> list[LedgerDay]:
        return [
            LedgerDay(20_000, deferred=40, returned=10, delays={33: 10}, scores={2: 7, 8: 3})
        ]


def page_world(folder: Path) -> HttpServices:
    """Services with traffic, rules and history, much of it written by an enemy."""
    metrics = folder / "run" / "metrics"
    metrics.mkdir(parents=True)
    world = World(folder)
    world.history = world.history and type(world.history)(
        RECORD,
        dataclasses.replace(
            RECORD, queue_id=EVIL, why_id=EVIL, sender=EVIL, recipients=(EVIL,), helo=EVIL, subject=EVIL,
            decisive=EVIL, hits=(ScoredHit(EVIL, 1.0, EVIL, parts=((EVIL, 1.0),)),), failures=(EVIL,),
            auth_results=(AuthResult("spf", "fail", EVIL, (), EVIL),), marks=(EVIL,),
        ),
    )  # fmt: skip
    meter = Meter(metrics, MetricsSettings(), pid=4_000_001, started=1)
    meter.flush()
    services = dataclasses.replace(
        world.services(),
        greylist=FakeLedger(),  # type: ignore[arg-type]  # the ledger is all that is asked
        rules=(
            RuleLine("DNSBL_LISTED", 6.5, "dnsbl", "The client is listed.", shadow=False),
            RuleLine("A", 1.0, "", EVIL, shadow=True),
        ),
    )
    meter.watch(lambda: [
        ("filterd_zone_answers", ("bl.example", "listed"), 40.0),
        ("filterd_zone_open", ("dead.example",), 1.0),
    ])  # fmt: skip
    for action, count in ((Action.ACCEPT, 40), (Action.REJECT, 25), (Action.TAG, 5)):
        for _ in range(count):
            meter(
                a_transaction(),
                Verdict(
                    action, 3.0, "W", hits=(ScoredHit("DNSBL_LISTED", 6.5), ScoredHit(EVIL, 1.0)),
                    auth_results=(AuthResult("spf", "pass"),), spans=(Span("dnsbl", 3.0, "eom"),),
                    milliseconds=12.0, failures=("iprev: x",),
                ),
            )  # fmt: skip
    return dataclasses.replace(services, facts={"rules": "2 rules", "flush": meter.flush})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    services = page_world(tmp_path_factory.mktemp("page"))
    flush = services.facts["flush"]
    services = dataclasses.replace(services, facts={"rules": "2 rules"})
    with serving(services) as found:
        found("GET", "/")  # the trend sees the counts before the traffic
        flush()
        yield found


class Strict(HTMLParser):
    """Notes what a page refers to, and that its elements are closed in order."""

    VOID = frozenset({"meta", "link", "input", "line", "rect", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.problems.append(f"{tag}: an attribute twice")
        for name, value in attrs:
            if name in {"href", "src", "action"} and value:
                self.references.append(value)
            if name.startswith("on") or name == "style":
                self.problems.append(f"{tag}: {name} is forbidden by our own policy")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")


@pytest.mark.parametrize("target", PAGES)
def test_every_page_is_whole_html_that_needs_nothing_from_elsewhere(
    client: Client, target: str
) -> None:
    answer = client("GET", target)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = Strict()
    found.feed(answer.text)
    assert found.problems == []
    assert found.open == []
    assert found.tags.count("h1") == 1
    assert all(reference.startswith(("/", "#")) for reference in found.references)
    assert not re.search(r"https?://(?!www\.w3\.org)", answer.text)


@pytest.mark.parametrize(
    "target",
    [
        *PAGES,
        "/rules?find=" + "%3Cscript%3E",
        "/verdict/%3Cscript%3E",
        "/history?from=%3Cscript%3E",
    ],
)
def test_nothing_a_sender_wrote_becomes_markup(client: Client, target: str) -> None:
    assert "<script>" not in client("GET", target).text.replace(
        '<script src="/static/page.js"', ""
    )


def test_the_overview_tells_in_ten_seconds(client: Client) -> None:
    text = client("GET", "/").text
    plain = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "not serving mail" in plain
    assert "70 verdicts" in plain
    assert "40 accept 57.1 %" in plain
    assert "25 reject" in plain
    assert "median scan" in plain
    assert "DNSBL_LISTED +6.50 70" in plain
    assert "dead.example not believed" in plain
    assert "bl.example in use 40" in plain
    assert "gave up 30 75.0 %" in plain
    assert "spam on return 3 of 10" in plain
    assert "iprev 70" in plain
    assert 'class="reject" x=' in text


def test_the_overview_says_how_the_model_leans(tmp_path: Path) -> None:
    services = page_world(tmp_path)
    flush = services.facts["flush"]
    with serving(dataclasses.replace(services, facts={"rules": ""})) as client:
        assert "It was not asked yet." in client("GET", "/").text
        meter = Meter(tmp_path / "run" / "metrics", MetricsSettings(), pid=4_000_002, started=1)
        for symbol, count in (("CLASSIFIER_SPAM", 3), ("CLASSIFIER_HAM", 9)):
            for _ in range(count):
                meter(
                    a_transaction(),
                    Verdict(Action.ACCEPT, 1.0, "W", hits=(ScoredHit(symbol, 1.0),)),
                )
        flush()
        meter.flush()
        text = " ".join(re.sub(r"<[^>]+>", " ", client("GET", "/").text).split())
    assert "Model 24 hours ham 9 75.0 % spam 3 25.0 %" in text


def test_the_history_goes_back_in_time(tmp_path: Path) -> None:
    services = dataclasses.replace(page_world(tmp_path), facts={})
    asked = services.history.queries  # type: ignore[union-attr]
    with serving(services) as client:
        assert client("GET", "/history?within=1+hour").status == 200
        assert asked[-1].since == pytest.approx(services.clock.now() - 3600, abs=60)
        client("GET", "/history?within=")
        assert asked[-1].since == 0.0
        text = client("GET", "/history?limit=2&action=reject").text  # two is what there is
        (older,) = re.findall(r'href="/history\?([^"]+)" rel="next"', text)
        client("GET", f"/history?{older.replace('&amp;', '&')}")
    assert (asked[-1].action, asked[-1].until) == (Action.REJECT, RECORD.at)


def test_a_verdict_is_explained(client: Client) -> None:
    plain = " ".join(re.sub(r"<[^>]+>", " ", client("GET", "/verdict/k7q2m9xw4t").text).split())
    assert "decided by score 16.50 &gt;= reject 15" in plain
    assert "to turn it without DNSBL_LISTED (6.5)" in plain
    assert "and 2 more" in plain
    assert client("GET", "/verdict/NOPE").status == 404
    answer = client("GET", "/verdict/?id=4Xq1")
    assert (answer.status, answer.headers["location"]) == (303, "/verdict/4Xq1")


def test_a_message_is_scanned_and_learned_without_any_script(client: Client) -> None:
    answer = client(
        "POST", "/scan", *multipart([("client", "192.0.2.1"), ("message", "")], MAIL)
    )
    assert answer.status == 200
    assert '<span class="chip reject">reject</span>' in answer.text
    assert '<a href="/rules?find=A">A</a>' in answer.text
    carried = re.search(r'name="message_base64" value="([^"]+)"', answer.text)
    assert carried
    answer = client(
        "POST", "/learn", *multipart([("label", "spam"), ("message_base64", carried[1])], b"")
    )
    assert "learned as" in answer.text
    answer = client("POST", "/scan", *multipart([("message", "A: b\r\n\r\npasted")], b""))
    assert answer.status == 200
    assert client("POST", "/scan", *multipart([], b"")).status == 422


@pytest.mark.parametrize("name", ["style.css", "page.js", "icon.svg"])
def test_static_files_are_served(client: Client, name: str) -> None:
    assert client("GET", f"/static/{name}").status == 200


@pytest.mark.parametrize(
    "name", ["../page.py", "%2e%2e/page.py", "nope", "..%2ftemplates%2fbase.html"]
)
def test_no_other_file_is(client: Client, name: str) -> None:
    assert client("GET", f"/static/{name}").status == 404


def test_the_first_view_is_fast(tmp_path: Path) -> None:
    with serving(page_world(tmp_path)) as fresh:
        assert fresh("GET", "/healthz").status == 200  # it is up
        begin = time.perf_counter()
        assert fresh("GET", "/").status == 200
        first = time.perf_counter() - begin
        again = []
        for _ in range(5):
            begin = time.perf_counter()
            fresh("GET", "/")
            again.append(time.perf_counter() - begin)
    assert min(first, *again) < 0.1  # seconds; the first is not far from the others:
    assert first < 0.3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("target", ["/", "/verdict/4Xq1", "/scan"])
def test_a_real_browser_shows_it_and_complains_of_nothing(
    client: Client, target: str, tmp_path: Path
) -> None:
    shot = tmp_path / "page.png"
    done = subprocess.run(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path}/profile", "--window-size=1200,1000", f"--screenshot={shot}",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"http://127.0.0.1:{client.port}{target}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert shot.stat().st_size > 10_000
    complaints = [x for x in done.stderr.splitlines() if "CONSOLE" in x]
    assert complaints == []
