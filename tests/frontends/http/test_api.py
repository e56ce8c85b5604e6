from __future__ import annotations

import base64
import json
import math
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from filterd.config.load import load
from filterd.core.clock import FixedClock
from filterd.core.errors import StoreUnavailable
from filterd.core.stores import StoreHealth
from filterd.core.verdict import Action, InsertField, Reply, ScoredHit, Verdict
from filterd.frontends.http.openapi import openapi
from filterd.frontends.http.services import HttpServices
from filterd.mail.message import Message
from filterd.scan.scanner import Submission
from tests.frontends.cli.test_why import RECORD, Kept
from tests.support.http import Answer, Client, serving

MAIL = b"Subject: x\n\nhello \xe4\n"


class Recorder:
    """A scanner that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Submission] = []

    def scan(self, submission: Submission) -> Verdict:
        if b"boom" in submission.message.body:
            raise RuntimeError("secret detail")
        self.asked.append(submission)
        return Verdict(
            Action.REJECT,
            16.0,
            "WHY",
            Reply(550, "5.7.1", "no"),
            hits=(ScoredHit("A", 16.0, "\udce4"),),
            edits=(InsertField("X", "y"),),
        )


class Broken(Kept):
    def find(self, identifier: str) -> Any:
        raise StoreUnavailable("redis: refused")


class World:
    def __init__(self, folder: Path) -> None:
        self.scanner = Recorder()
        self.learned: list[tuple[Message, str, str]] = []
        self.health: Sequence[StoreHealth] = ()
        self.history: Kept | None = Kept(RECORD)
        self.folder = folder

    def learn(self, message: Message, label: str, user: str) -> str:
        self.learned.append((message, label, user))
        return "learned"

    def services(self, **keys: str) -> HttpServices:
        overrides = {"state_dir": str(self.folder), "http.enabled": "true", **keys}
        return HttpServices(
            settings=load(None, overrides).settings,
            scanner=self.scanner,  # type: ignore[arg-type]
            clock=FixedClock(),
            history=self.history,  # type: ignore[arg-type]
            learn=self.learn,
            stores=lambda: self.health,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[Client]:
    with serving(world.services()) as found:
        yield found


# -- scan ----------------------------------------------------------------------------------------


def multipart(fields: Sequence[tuple[str, str]], file: bytes) -> tuple[bytes, dict[str, str]]:
    lines = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (k.encode(), v.encode())
        for k, v in fields
    )
    head = b'--x\r\nContent-Disposition: form-data; name="message"; filename="a.eml"\r\n\r\n'
    return lines + head + file + b"\r\n--x--\r\n", {
        "Content-Type": "multipart/form-data; boundary=x"
    }


ENVELOPE = {
    "client": "192.0.2.1",
    "helo": "mx.example",
    "from": "a@a.example",
    "to": ["b@b.example"],
}


def ways(client: Client) -> dict[str, Answer]:
    query = "client=192.0.2.1&helo=mx.example&from=a%40a.example&to=b%40b.example"
    pairs = [
        ("client", "192.0.2.1"),
        ("helo", "mx.example"),
        ("from", "a@a.example"),
        ("to", "b@b.example"),
    ]
    return {
        "json-base64": client.post_json(
            "/v1/scan", {**ENVELOPE, "message_base64": base64.b64encode(MAIL).decode()}
        ),
        "json-text": client.post_json(
            "/v1/scan", {**ENVELOPE, "message": MAIL.decode("utf-8", "surrogateescape")}
        ),
        "multipart": client("POST", "/v1/scan", *multipart(pairs, MAIL)),
        "plain": client("POST", f"/v1/scan?{query}", MAIL, {"Content-Type": "message/rfc822"}),
        "curl": client(
            "POST",
            f"/v1/scan?{query}",
            MAIL,
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
    }


def test_every_way_to_send_a_message_gives_the_same_submission(
    world: World, client: Client
) -> None:
    world.scanner.asked.clear()
    answers = ways(client)
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(
        answers, 200
    )
    assert len(world.scanner.asked) == len(answers)
    for asked in world.scanner.asked:
        assert asked.message.raw == b"Subject: x\r\n\r\nhello \xe4\r\n"
        assert str(asked.session.client) == "192.0.2.1"
        assert asked.session.helo == "mx.example"
        assert asked.reverse_path == "a@a.example"
        assert asked.recipients == ("b@b.example",)
    assert len({answer.body for answer in answers.values()}) == 1


def test_the_verdict_is_the_one_shape_of_all_front_ends(client: Client) -> None:
    found = client("POST", "/v1/scan", MAIL).json
    assert found["action"] == "reject"
    assert found["reply"] == {"code": 550, "enhanced": "5.7.1", "text": "no"}
    assert found["hits"][0]["detail"] == "\udce4"
    required = openapi()["components"]["schemas"]["Verdict"]["required"]
    assert set(required) <= set(found)


WRONG = {
    "no message": ({}, 422, "there is no message"),
    "unknown key": (
        {"message": "x", "form": "a"},
        422,
        'form: unknown key; did you mean "from"?',
    ),
    "wrong type": ({"message": 3}, 422, "message: expected a text in quotes, got 3"),
    "not an address": (
        {"message": "x", "client": "mx"},
        422,
        "client: not an IP address: 'mx'",
    ),
    "not base64": ({"message_base64": "%%"}, 422, "message_base64: not base64"),
    "half a character": ({"message": "\ud800"}, 422, "message: not a text; use message_base64"),
    "a list": ([], 400, "expected a JSON object"),
}


@pytest.mark.parametrize(("body", "status", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_request_is_said(
    client: Client, body: Any, status: int, words: str
) -> None:
    answer = client.post_json("/v1/scan", body)
    assert (answer.status, answer.json["error"]["message"]) == (status, words)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b""])
def test_what_is_no_json_is_said(client: Client, body: bytes) -> None:
    answer = client("POST", "/v1/scan", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "syntax")


def test_a_form_that_cannot_be_read_is_said(client: Client) -> None:
    answer = client("POST", "/v1/scan", b"x", {"Content-Type": "multipart/form-data"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "syntax")


def test_a_bug_is_a_500_without_its_details(client: Client) -> None:
    answer = client("POST", "/v1/scan", b"A: b\n\nboom")
    assert answer.status == 500
    assert "secret" not in answer.text


def test_a_body_over_the_limit_is_413_however_it_is_announced(world: World) -> None:
    with serving(world.services(**{"http.max_message": "64K"})) as client:
        large = b"A: b\n\n" + b"x" * (70 << 10)
        assert client("POST", "/v1/scan", large).status == 413
        encoded = base64.b64encode(large).decode()
        assert client.post_json("/v1/scan", {"message_base64": encoded}).status == 413
        with socket.create_connection(("127.0.0.1", client.port), 10) as raw:
            raw.sendall(
                b"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            sent = 0
            try:
                for _ in range(300):
                    raw.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                    sent += 1
            except OSError:
                pass  # it hung up on us
            raw.settimeout(10)
            assert raw.recv(100).startswith(b"HTTP/1.1 413") or sent < 300


def test_a_body_that_does_not_come_is_408(world: World) -> None:
    with (
        serving(world.services(**{"http.timeout": "0.3"})) as client,
        socket.create_connection(("127.0.0.1", client.port), 10) as raw,
    ):
        raw.sendall(
            b"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nA:"
        )
        raw.settimeout(10)
        begin = time.monotonic()
        assert raw.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begin < 5


# -- learn, verdicts -----------------------------------------------------------------------------


def test_a_label_reaches_the_learner(world: World, client: Client) -> None:
    world.learned.clear()
    answer = client("POST", "/v1/learn?label=ham&user=ann", MAIL)
    assert (answer.status, answer.json) == (200, {"outcome": "learned"})
    answer = client.post_json("/v1/learn", {"label": "spam", "message": "A: b\n\nx"})
    assert answer.status == 200
    assert [(label, user) for _, label, user in world.learned] == [("ham", "ann"), ("spam", "")]
    assert world.learned[0][0].body == b"hello \xe4\r\n"
    assert client("POST", "/v1/learn?label=eggs", MAIL).status == 422
    assert client("POST", "/v1/learn", MAIL).status == 422


@pytest.mark.parametrize("identifier", ["4Xq1", "K7Q2M9XW4T", "k7q2m9xw4t"])
def test_a_verdict_by_id(client: Client, identifier: str) -> None:
    found = client("GET", f"/v1/verdicts/{identifier}").json
    assert found["why"] == "K7Q2M9XW4T"
    assert found["turning"].startswith("without DNSBL_LISTED")
    required = openapi()["components"]["schemas"]["Record"]["required"]
    assert set(required) <= set(found)


def test_an_unknown_verdict_is_404(client: Client) -> None:
    answer = client("GET", "/v1/verdicts/NOPE")
    assert (answer.status, answer.json["error"]["code"]) == (404, "unknown")


def test_a_search_has_every_filter_of_the_history(world: World, client: Client) -> None:
    assert world.history is not None
    world.history.queries.clear()
    answer = client(
        "GET",
        "/v1/verdicts?from=@a.example&to=b&client=192.0.2.1&symbol=x&action=reject&since=5&limit=99999",
    )
    assert [v["queue_id"] for v in answer.json["verdicts"]] == ["4Xq1"]
    [query] = world.history.queries
    assert (query.sender, query.recipient, query.client, query.symbol) == (
        "@a.example", "b", "192.0.2.1", "X"
    )  # fmt: skip
    assert (query.action, query.since, query.until, query.limit) == (
        Action.REJECT,
        5.0,
        math.inf,
        1000,
    )


@pytest.mark.parametrize("query", ["action=eat", "since=x", "until=nan", "limit=inf"])
def test_a_search_for_nonsense_is_422(client: Client, query: str) -> None:
    assert client("GET", f"/v1/verdicts?{query}").status == 422


def test_what_is_switched_off_or_down_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.history = Broken()
    with serving(world.services()) as client:
        answer = client("GET", "/v1/verdicts/X")
        assert (answer.status, answer.json["error"]["code"]) == (503, "store")
    world.history = None
    with serving(world.services()) as client:
        assert client("GET", "/v1/verdicts/X").json["error"]["code"] == "off"


# -- service -------------------------------------------------------------------------------------


def test_health_and_readiness(world: World, client: Client) -> None:
    assert client("GET", "/healthz").text == "ok\n"
    assert client("GET", "/readyz").json == {"ready": True, "waiting_for": []}
    down = StoreHealth("state", "redis", "127.0.0.1:6379", False, last_error="refused")
    world.health = (down,)
    try:
        answer = client("GET", "/readyz")
    finally:
        world.health = ()
    assert (answer.status, answer.json) == (
        503, {"ready": False, "waiting_for": ["state (redis): refused"]}
    )  # fmt: skip


def test_status_and_metrics_tell_of_the_master_and_its_workers(
    world: World, client: Client
) -> None:
    run = world.folder / "run"
    run.mkdir(exist_ok=True)
    status = {
        "pid": 1, "started": 100.0, "generation": 3, "reload_problem": "rules", "written": 1,
        "workers": [{"pid": 2, "job": "milter", "retiring": False}, {"pid": 3, "job": "milter", "retiring": True}],
    }  # fmt: skip
    (run / "status.json").write_text(json.dumps(status))
    world.health = (StoreHealth("state", "redis", "x", False),)
    try:
        assert client("GET", "/v1/status").json["generation"] == 3
        answer = client("GET", "/metrics")
    finally:
        world.health = ()
        (run / "status.json").unlink()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (s.name, *s.labels.values()): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }
    assert found["filterd_workers", "serving", "milter"] == 1
    assert found["filterd_workers", "retiring", "milter"] == 1
    assert found["filterd_generation",] == 3
    assert found["filterd_reload_failed",] == 1
    assert found["filterd_store_up", "redis", "state"] == 0


def test_the_description_covers_every_route(client: Client) -> None:
    described = client("GET", "/openapi.json").json
    assert described["openapi"] == "3.1.0"
    for path, operations in described["paths"].items():
        for method in operations:
            answer = client(
                method.upper(), path.replace("{id}", "4Xq1"), b"" if method == "post" else None
            )
            assert str(answer.status) in operations[method]["responses"], path
    references = json.dumps(described).split('"$ref": "')[1:]
    for reference in references:
        name = reference.partition('"')[0].rpartition("/")[2]
        assert name in described["components"]["schemas"]


def test_unknown_paths_and_methods_are_json_too(client: Client) -> None:
    assert client("GET", "/nowhere.txt").json["error"]["code"] == "unknown"
    answer = client("GET", "/v1/scan")
    assert (answer.status, answer.json["error"]["code"]) == (405, "method")


@pytest.mark.fuzz
@settings(max_examples=40)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "a/b;;="]
    ),
    st.sampled_from(["/v1/scan", "/v1/learn?label=spam", "/v1/scan?to=a&to=b&client=::1"]),
)
def test_any_body_gets_an_answer_in_json(
    client: Client, body: bytes, kind: str, target: str
) -> None:
    answer = client("POST", target, body, {"Content-Type": kind} if kind else {})
    assert answer.status in {200, 400, 422}
    assert isinstance(answer.json, dict)
