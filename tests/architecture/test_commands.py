"""Every command of the documents is run: here, by the test named in ELSEWHERE, or NOWHERE with the reason.

What a command is says tests/support/console.py (`written`). Those without a line in a table are run as they
are written, beside a service of their own (`scene`), with its places instead of the machine's (`Scene.here`),
and must succeed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.postfix import free_ports
from filterd import __version__
from filterd.app import App
from filterd.config.load import load
from filterd.core.clock import SystemClock
from filterd.core.history import VerdictRecord
from filterd.core.stores import Terms
from filterd.core.verdict import Action, ScoredHit
from filterd.frontends.cli.main import run
from filterd.frontends.cli.store import FORM
from filterd.store import open_history, open_stores
from tests.classify.mailbox import fill
from tests.support.console import ROOT, is_command, written
from tests.support.redisserver import RedisServer

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "*/README.md", "filterd/*/README.md", "deploy/*/README*", "deploy/man/*.md")
    for path in ROOT.glob(pattern)
)  # fmt: skip
PACKAGE = "tests/deploy/test_package.py"
SELF = "tests/architecture/test_commands.py"
WIRE = "tests/stories/test_wire.py"
# How a command begins: the test that runs it, and a piece of that file that does.
ELSEWHERE = {
    "deploy/debian/build": (f"{PACKAGE}::packages", "deploy/debian/build"),
    "apt-get install ./.state/deb/filterd": (
        f"{PACKAGE}::test_it_installs_and_filters_by_two_commands_within_a_minute",
        "apt-get install -y",
    ),
    "systemctl reload filterd": (
        f"{PACKAGE}::test_systemd_reloads_it_in_the_same_process",
        "systemctl reload filterd",
    ),
    "systemctl enable --now filterd-dmarc.timer": (
        f"{PACKAGE}::test_the_timer_is_there_for_who_wants_reports_and_its_service_makes_them",
        "systemctl enable --now filterd-dmarc.timer",
    ),
    "systemctl start filterd-dmarc.service": (
        f"{PACKAGE}::test_the_timer_is_there_for_who_wants_reports_and_its_service_makes_them",
        "systemctl start filterd-dmarc.service",
    ),
    "systemctl enable --now filterd.socket": (
        f"{PACKAGE}::test_the_socket_unit_starts_it_at_the_first_connection_and_outlives_it",
        "systemctl enable --now filterd.socket",
    ),
    "systemctl restart filterd": (
        f"{PACKAGE}::test_the_socket_unit_starts_it_at_the_first_connection_and_outlives_it",
        "systemctl restart filterd",
    ),
    "systemd-analyze security": (
        "tests/deploy/test_systemd.py::test_the_sandbox_is_rated_2_0_or_better",
        '"security"',
    ),
    "filterd wire postfix": (f"{WIRE}::test_wired_proved_again_and_undone_to_the_byte", "--undo"),
    "filterd wire sendmail": (f"{WIRE}::test_sendmail_is_wired_proved_and_undone", "--dry-run"),
    "postfix reload": (f"{WIRE}::test_milters_that_are_there_stay_behind_ours", ".reload()"),
    "./deploy/run --demo": ("tests/stories/test_demo.py::test_the_demo_keeps_its_promises", "deploy.demo"),
    "python -m filterd.classify.ship": (
        "tests/classify/test_ship.py::test_the_shipped_model_is_what_the_script_makes",
        "ship.",
    ),
    "python -m tests.benchmarks.load": (
        "tests/benchmarks/test_load.py::test_many_connections_without_an_error_and_within_its_memory",
        "benchmarks.load",
    ),
    "python -m tests.benchmarks.greylist_replay": (
        "tests/benchmarks/test_greylist_replay.py::test_the_published_table_is_the_measured_one",
        "greylist_replay",
    ),
    "filterd evaluate --online": (
        "tests/frontends/cli/test_evaluate.py::test_online_prints_the_keys_with_and_without_json",
        "--online",
    ),
    "filterd rules fit": (
        "tests/frontends/cli/test_weigh.py::test_fit_proposes_and_writes_only_when_told",
        '"fit"',
    ),
    "filterd serve": (f"{PACKAGE}::test_an_upgrade_keeps_settings_and_wiring", "filterd serve"),
    "filterd --set mode=observe serve": (f"{SELF}::scene", '"--set", "mode=observe", "serve"'),
    "python -m filterd serve": (f"{SELF}::scene", '-m filterd "$@"'),
    "filterd model rollback": ("tests/frontends/cli/test_model.py::test_show_and_roll_back", '"rollback"'),
    "sievec": ("tests/deploy/test_dovecot.py::test_sievec_compiles_the_scripts_with_our_settings", '"sievec"'),
    "./deploy/run": (f"{SELF}::test_run_starts_the_service", '"deploy/run"'),
}  # fmt: skip
# Not run by any test, and why.
NOWHERE = {
    "./deploy/test": "runs these tests",
    ".venv/bin/pytest": "runs these tests",
    "HYPOTHESIS_PROFILE=explore .venv/bin/pytest": "runs these tests for hours",
    "apt install dovecot-sieve": "another's package, from the network",
    "apt-get install unbound": "another's package, from the network",
    "systemctl reload dovecot": "another's service",
    "setfacl": "needs the user vmail, and ACLs on the file system of the tests",
    "python -m tests.benchmarks.classifiers": "needs other filters and measures for an hour",
    "python -m tests.benchmarks.classifier_bars": "needs labelled mail that is not ours to ship",
    "python -m tests.benchmarks.classifier_curves": "needs labelled mail that is not ours to ship",
}


ALL = [w for document in DOCUMENTS for w in written(document)]


def longest(text: str, table: Mapping[str, object]) -> str:
    """The longest key of the table that `text` begins with, or ""."""
    return max((k for k in table if text.startswith(k)), key=len, default="")


HERE: dict[str, list[str]] = {}  # command -> where it is written
for _w in ALL:
    if not longest(_w.text, {**ELSEWHERE, **NOWHERE}):
        HERE.setdefault(_w.text, []).append(_w.place)


@dataclass(frozen=True)
class Scene:
    """A folder with a running service, mail, lists, records, and what the documents call things."""

    folder: Path
    http: str
    environment: dict[str, str]

    def here(self, text: str) -> str:
        """The command with the places of this scene."""
        for old, new in (
            ("127.0.0.1:8896", self.http),
            ("/var/lib/filterd", str(self.folder / "state")),
            ("/usr/lib/filterd", str(self.folder / "lib")),
            ("/etc/dovecot/conf.d", str(self.folder)),
            ("/run/secrets", str(self.folder)),
            ("-o filterd -g vmail", f"-o {os.getuid()} -g {os.getgid()}"),
        ):
            text = text.replace(old, new)
        return text


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    for name in ("tools", "state", "postfix", "DIR", "FOLDER", "rules", "lib/dovecot"):
        (folder / name).mkdir(parents=True)
    for mail in ("MAIL", "PATH", "Maildir/.Not-Spam"):
        fill(folder / mail, 3, is_spam=mail == "PATH")
    fill(folder / "DIR", 3, is_spam=True)
    for name in ("FILE", "mail.eml"):
        shutil.copy(
            next(p for p in sorted((folder / "MAIL").rglob("*")) if p.is_file()), folder / name
        )
    for name in ("filterd-drop", "learn-spam.sieve", "learn-ham.sieve", "dovecot-2.3.conf"):
        shutil.copy(ROOT / "deploy/dovecot" / name, folder)
    # few rules: the shipped ones take a second to compile, each time
    for rules in ("rules", "FOLDER"):
        (folder / rules / "mine.toml").write_text(
            '[rule.MINE]\nwhere = "subject"\nmatch = "rhubarb"\nscore = 1.0\ndescribe = "Rhubarb."\n'
            'hit = ["rhubarb"]\nmiss = ["custard"]\n'
        )
    (folder / "state.jsonl").write_text(json.dumps({"filterd_state": FORM}) + "\n")
    (folder / "allow").write_text("ann@example.org\n192.0.2.0/24\n")
    (folder / "postfix/main.cf").write_text("compatibility_level = 3.6\n")
    redis = RedisServer(folder) if RedisServer.available() else None
    url = redis.url if redis else "redis://127.0.0.1:1/0"
    (folder / "redis-url").write_text(url)
    milter, http = (f"127.0.0.1:{port}" for port in free_ports(2))
    (folder / "filterd.toml").write_text(
        f'state_dir = "{folder / "state"}"\n[milter]\nsockets = ["inet:{milter}"]\nworkers = 1\n'
        f'[http]\nenabled = true\nsockets = ["inet:{http}"]\n[dns]\nservers = ["127.0.0.1"]\n'
        f'[rules]\nshipped = false\ndirectory = "{folder / "rules"}"\n[store]\nurl = "{url}"\n'
        f'[checks.allow]\nallow_files = ["{folder / "allow"}"]\n'
        '[dmarc_reports]\nenabled = true\naddress = "reports@mx.example.org"\nmailer = "none"\n'
    )
    tool = folder / "tools/filterd"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m filterd "$@"\n')
    tool.chmod(0o755)
    environment = {
        "PATH": f"{folder / 'tools'}:{os.environ['PATH']}:/usr/sbin",
        "PYTHONPATH": str(ROOT),
        "FILTERD_CONFIG": str(folder / "filterd.toml"),
        "MAIL_CONFIG": str(folder / "postfix"),
        "HOME": str(folder),
        "spool": str(
            folder / "state/classifier/spool"
        ),  # a line of its own in deploy/dovecot sets it
        "LC_ALL": "C.UTF-8",
    }
    remember(folder)
    if redis:
        redis.start()
    try:
        command = [str(tool), "--set", "mode=observe", "serve"]
        with started(command, folder, environment, http):
            yield Scene(folder, http, environment)
    finally:
        if redis:
            redis.stop()


def remember(folder: Path) -> None:
    """The verdicts that the documents ask for, and somebody who was told to wait."""
    settings = load(folder / "filterd.toml", {}, {}).settings
    stores = open_stores(settings.store, settings.state_dir)
    stores.greylist.attempt(
        "192.0.2.0/24", ["a@b.example c@d.example"], SystemClock().now() - 60, Terms()
    )
    stores.close()
    history = open_history(settings.store, settings.state_dir, settings.history)
    assert history is not None
    for queue_id in ("4XqZ1k0", "ID"):
        history.record(
            VerdictRecord(
                why_id=f"K7Q2M9XW4{len(queue_id)}", queue_id=queue_id, at=SystemClock().now() - 60,
                action=Action.REJECT, score=16.0, thresholds=(("tag", 6.0), ("reject", 15.0)),
                decisive="DMARC_FAIL_REJECT", hits=(ScoredHit("DMARC_FAIL_REJECT", 4.0, ""),),
                client="192.0.2.1", sender="a@example.org",
            )
        )  # fmt: skip
    assert history.flush()
    history.close()


def ready(url: str, log: Path, service: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and service.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("command", HERE, ids=lambda text: f"{HERE[text][0]} {text}"[:100])
def test_a_command_succeeds_as_it_is_written(
    command: str,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = scene.here(command)
    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(scene.folder)
    if setting := re.fullmatch(r"(FILTERD_\w+)=(.*)", text):  # a line for a file of variables
        monkeypatch.setenv(setting[1], setting[2])
        assert run(App, ["config", "check"]) == 0, capfd.readouterr()
        return
    program = text.split()[0]
    if program == "filterd":
        if "store.kind=redis" in text and not RedisServer.available():
            pytest.skip("redis-server is not installed")
        words = [
            str(Path(w).expanduser()) if w.startswith("~") else w for w in shlex.split(text)[1:]
        ]
        # of a machine that a test knows nothing of, findings (1) are no failure of the command
        allowed = {0, 1} if words[0] == "doctor" else {0}
        assert run(App, words) in allowed, capfd.readouterr()
        return
    if program in {"postconf", "curl", "sqlite3"} and not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    text = text.replace("curl ", "curl --silent --show-error --fail ", 1)
    done = subprocess.run(
        ["bash", "-ec", text], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_run_starts_the_service(scene: Scene, tmp_path: Path) -> None:
    installed = ROOT / ".venv/installed.lock"
    locks = [
        (ROOT / "deploy" / name).read_bytes()
        for name in ("requirements.lock", "requirements-test.lock")
    ]
    if not installed.exists() or installed.read_bytes() not in locks:
        pytest.skip(
            "the environment is not what the lock says: it would be made anew, from the network"
        )
    milter, http = (f"127.0.0.1:{port}" for port in free_ports(2))
    environment = {
        **scene.environment,
        "FILTERD_STATE_DIR": str(tmp_path / "state"),
        "FILTERD_MILTER__SOCKETS": f"inet:{milter}",
        "FILTERD_HTTP__SOCKETS": f"inet:{http}",
    }
    with started([str(ROOT / "deploy/run")], tmp_path, environment, http):
        assert "filterd listens on inet:127.0.0.1:8895" in (tmp_path / "log").read_text()


@contextlib.contextmanager
def started(
    command: list[str], folder: Path, environment: dict[str, str], http: str
) -> Iterator[None]:
    """A service that says it is ready, until the end of the block; what it says is in folder/log."""
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            ready(f"http://{http}/readyz", folder / "log", service)
            yield
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)


@pytest.mark.parametrize("begins", ELSEWHERE)
def test_a_command_is_run_where_the_table_says(begins: str) -> None:
    place, piece = ELSEWHERE[begins]
    file, _, function = place.partition("::")
    source = (ROOT / file).read_text("utf-8")
    assert f"def {function}(" in source
    assert piece in source
    if begins.startswith("apt-get install ./"):  # the package that the tree builds, by its name
        assert any(f"{begins}_{__version__}-1_" in w.text for w in ALL)


def test_the_tables_name_only_commands_that_are_documented() -> None:
    used = {longest(w.text, {**ELSEWHERE, **NOWHERE}) for w in ALL}
    assert [k for k in (*ELSEWHERE, *NOWHERE) if k not in used] == []


@pytest.mark.parametrize(
    ("span", "answer"),
    [("filterd status", True), ("filterd scan FILE", True), ("filterd nonsense", True), ("filterd history --nope", True),
     ("filterd learn", False), ("filterd rules", False), ("filterd", False), ("deploy/debian/", False),
     ("systemctl reload filterd", True), ("filterd.toml", False), ("./deploy/run", True)],
)  # fmt: skip
def test_what_is_a_command_and_what_only_a_name(span: str, answer: bool) -> None:
    assert is_command(span) is answer


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    readme = ROOT / "deploy/README.md"
    found = [w.text for w in written(readme)]
    assert "filterd wire postfix --undo" in found  # sh block, comment left out
    assert "filterd greylist report" in found  # span
    assert not any("filterd.rules.yml" in text or "INPUT_MAIL_FILTER" in text for text in found)
