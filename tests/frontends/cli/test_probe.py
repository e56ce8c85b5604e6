from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from filterd.config.listen import Socket
from filterd.config.load import load
from filterd.core.errors import ConfigError, ConfigProblem, StoreUnavailable
from filterd.core.lookup import NXDOMAIN, Answer, RRType, Status, tempfail
from filterd.core.stores import StoreHealth
from filterd.frontends.cli import probe
from filterd.frontends.cli.probe import Finding, Level

NOW = 1_790_000_000.0
Ask = Callable[[str, RRType], Answer]


def world(**answers: str | Answer) -> Ask:
    """Answers by name: text is an address or a PTR name; everything else does not exist."""
    known = {name.replace("_", "."): value for name, value in answers.items()}

    def ask(name: str, kind: RRType) -> Answer:
        value = known.get(name.lower(), NXDOMAIN)
        if isinstance(value, Answer):
            return value
        if kind is RRType.PTR:
            return Answer(Status.OK, names=(value,))
        return Answer(Status.OK, addresses=(value,)) if kind is RRType.A else NXDOMAIN

    return ask


def levels(findings: list[Finding]) -> list[str]:
    return [f.level.value for f in findings]


UP = {"example.com": Answer(Status.OK, names=("a.iana-servers.net",))}


@pytest.mark.parametrize(
    ("servers", "answers", "expected"),
    [
        (["127.0.0.1"], {"2.0.0.127.zen.spamhaus.org": "127.0.0.2"}, ["ok", "ok"]),
        (
            ["8.8.8.8"],
            {"2.0.0.127.zen.spamhaus.org": "127.255.255.254"},
            ["failure", "ok", "failure"],
        ),
        (["127.0.0.53"], {"2.0.0.127.zen.spamhaus.org": "127.0.0.2"}, ["warning", "ok", "ok"]),
        (["10.0.0.1"], {"example.com": tempfail("timeout")}, ["failure"]),
        (["10.0.0.1"], {}, ["ok", "warning"]),
    ],
    ids=["own", "public", "systemd-resolved", "dead", "no test point"],
)
def test_the_resolver(
    servers: list[str], answers: Mapping[str, str | Answer], expected: list[str]
) -> None:
    assert levels(list(probe.resolver(servers, world(**{**UP, **answers})))) == expected


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [
        ({"2.0.0.127.bl.example": "127.0.0.2"}, "ok", "answers its test point"),
        ({"test.bl.example": "127.0.0.2"}, "ok", "answers its test point"),
        ({}, "warning", "does not answer"),
        (
            {"2.0.0.127.bl.example": "127.0.0.2", "1.0.0.127.bl.example": "127.0.0.2"},
            "failure",
            "lists everything",
        ),
    ],
    ids=["address list", "domain list", "dead", "wildcard"],
)
def test_a_list_keeps_to_rfc_5782(answers: Mapping[str, str], level: str, words: str) -> None:
    [found] = probe.zones(["bl.example"], world(**answers))
    assert found.level.value == level
    assert words in found.text


@pytest.mark.parametrize(
    ("name", "answers", "level"),
    [
        (
            "mx.example.org",
            {"mx.example.org": "192.0.2.1", "1.2.0.192.in-addr.arpa": "mx.example.org"},
            "ok",
        ),
        (
            "mx.example.org",
            {"mx.example.org": "192.0.2.1", "1.2.0.192.in-addr.arpa": "dsl.example.net"},
            "warning",
        ),
        ("mx.example.org", {"mx.example.org": "192.0.2.1"}, "warning"),
        ("mx.example.org", {}, "warning"),
        ("localhost", {}, "failure"),
    ],
    ids=["agrees", "another name", "no PTR", "no address", "no full name"],
)
def test_the_name_of_this_host(name: str, answers: Mapping[str, str], level: str) -> None:
    assert levels(list(probe.host_name(name, (), world(**answers)))) == [level]


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        (None, "failure", "does not run"),
        ({"written": NOW - 60}, "failure", "does not run"),
        ({}, "ok", "runs with 1 workers, generation 3"),
        ({"reload_problem": "rules"}, "failure", "the last reload was refused: rules"),
        ({"restarts": 50, "started": NOW - 7200}, "warning", "50 workers had to be replaced"),
    ],
    ids=["none", "dead", "running", "refused reload", "dying workers"],
)
def test_the_service(
    tmp_path: Path, changes: dict[str, object] | None, level: str, words: str
) -> None:
    settings = load(None, {"state_dir": str(tmp_path)}).settings
    if changes is not None:
        settings.run_dir.mkdir()
        status = {"pid": os.getpid(), "written": NOW, "started": NOW, "generation": 3, "restarts": 0,
                  "workers": [{"retiring": False}, {"retiring": True}], **changes}  # fmt: skip
        (settings.run_dir / "status.json").write_text(json.dumps(status))
    [found] = probe.service(settings, NOW)
    assert found.level.value == level
    assert words in found.text


def test_the_configuration_is_built_as_a_start_would() -> None:
    def broken() -> None:
        raise ConfigError([ConfigProblem("f", "a", "b"), ConfigProblem("f", "c", "d")])

    assert levels(list(probe.configuration(broken))) == ["failure", "failure"]
    assert levels(list(probe.configuration(lambda: None))) == ["ok"]
    observing = load(None, {"mode": "observe"}).settings
    assert levels(list(probe.mode(observing))) == ["warning"]


SQLITE = StoreHealth("state", "sqlite", "/x", True)


@pytest.mark.parametrize(
    ("error", "level", "words"),
    [
        (None, "ok", "answers in"),
        (StoreUnavailable("refused"), "failure", "does not answer: refused"),
        (OSError("disk"), "failure", "OSError: disk"),
    ],
    ids=["up", "down", "broken"],
)
def test_the_store(error: Exception | None, level: str, words: str) -> None:
    def attempt() -> None:
        if error is not None:
            raise error

    [found] = probe.stores([SQLITE], attempt)
    assert found.level.value == level
    assert words in found.text


def test_a_store_that_forgets_is_named() -> None:
    memory = StoreHealth("state", "memory", "", True)
    assert levels(list(probe.stores([memory], lambda: None))) == ["warning"]
    assert levels(list(probe.stores([SQLITE], lambda: None, persistent=False))) == [
        "ok",
        "warning",
    ]


def test_the_model_its_age_and_what_it_learned(tmp_path: Path) -> None:
    labels = tmp_path / "journal.sqlite"
    shipped = tmp_path / "model"
    shipped.mkdir()
    (shipped / "weights.npy").write_text("")
    assert levels(list(probe.model(["corrupt"], shipped, labels, NOW))) == ["failure"]
    os.utime(shipped / "weights.npy", (NOW, NOW - 3 * 86400))
    [found] = probe.model([], shipped, labels, NOW)
    assert (found.level, found.text) == (Level.OK, "in use, 3 days old; never taught here")
    labels.write_text("")
    os.utime(labels, (NOW, NOW - 86400))
    [found] = probe.model([], shipped, labels, NOW)
    assert found.text.endswith("; last taught 1 days ago")
    os.utime(shipped / "weights.npy", (NOW, NOW - 1000 * 86400))
    assert levels(list(probe.model([], shipped, labels, NOW))) == ["warning"]


def test_rules_of_ones_own_are_counted(tmp_path: Path) -> None:
    (tmp_path / "10.toml").write_text("")
    [found] = probe.rules(tmp_path, "412 rules", (tmp_path / "10.toml").stat().st_mtime + 86400)
    assert found.text == "412 rules, 1 files of your own, the newest 1 days old"


def test_a_socket_is_reached_or_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert probe.reachable("milter", Socket(path=str(path))).level is Level.OK
    found = probe.reachable("milter", Socket(path=str(path)))
    assert found.level is Level.FAILURE
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        there = Socket(host="0.0.0.0", port=tcp.getsockname()[1])
        assert probe.reachable("milter", there).level is Level.OK
