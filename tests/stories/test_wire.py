"""`filterd wire` on real MTAs: shown, made, proved, made again without effect, undone to the byte."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from deploy.demo.postfix import PrivatePostfix
from deploy.demo.service import ROOT, Service
from deploy.demo.sink import SmtpSink
from filterd.app import App
from filterd.frontends.cli.main import run
from tests.stories.conftest import StartPostfix, StartSendmail
from tests.support.sendmail import sendmail_root
from tests.support.smtp import send

pytestmark = [pytest.mark.story, pytest.mark.timeout(180)]

QUIET = {"checks.greylist.enabled": False, "checks.tarpit.enabled": False}
MAIL = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: hello\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <w@example.org>\r\n\r\nhello\r\n"


def filterd(service: Service, *arguments: str) -> tuple[int, Any]:
    """`filterd wire ... --json` of that service, in this process: a start costs two seconds of CPU."""
    said = io.StringIO()
    path = f"{os.environ['PATH']}:{ROOT}/.state/sendmail/usr/bin"
    with mock.patch.dict(os.environ, {"PATH": path}), contextlib.redirect_stdout(said):
        status = run(App, ["-c", str(service.config_file), "wire", *arguments, "--json"])
    return status, json.loads(said.getvalue())


def wire(service: Service, postfix: PrivatePostfix, *options: str) -> tuple[int, Any]:
    return filterd(service, "postfix", "--config-dir", str(postfix.config_folder), *options)


def files(postfix: PrivatePostfix) -> dict[str, bytes]:
    return {
        p.name: p.read_bytes()
        for p in postfix.config_folder.iterdir()
        if not p.name.startswith(".")
    }


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One for all: each test wires a Postfix of its own to it."""
    with Service(QUIET) as found:
        yield found


@pytest.fixture(params=["inet", "inet-chrooted", "unix", "unix-chrooted"])
def wired(
    request: pytest.FixtureRequest, sink: SmtpSink, start_postfix: StartPostfix
) -> Iterator[tuple[Service, PrivatePostfix]]:
    """A Postfix without any milter, and a service on the socket of that name."""
    postfix = start_postfix(sink.port, chroot=request.param.endswith("chrooted"))
    settings: dict[str, object] = dict(QUIET)
    service = Service(settings)
    if request.param.startswith("unix"):
        folder = postfix.queue_folder / "filterd"
        folder.mkdir()
        sockets = [f"unix:{folder}/milter.sock", f"inet:127.0.0.1:{service.port}"]
        service.configure({"milter.sockets": sockets, "milter.socket_group": "postfix"})
    with service:
        yield service, postfix


def test_wired_proved_again_and_undone_to_the_byte(
    wired: tuple[Service, PrivatePostfix], sink: SmtpSink
) -> None:
    service, postfix = wired
    before = files(postfix)
    status, told = wire(service, postfix, "--dry-run")
    assert status == 0
    assert any(line.startswith("+smtpd_milters = { ") for line in told["changes"])
    assert files(postfix) == before

    status, told = wire(service, postfix, "--yes")
    assert (status, told["ok"]) == (0, True), told
    assert told["proof"]["clean"]["code"] == 250
    assert told["proof"]["GTUBE"]["code"] == 550
    assert "(why " in told["proof"]["GTUBE"]["text"]
    sink.wait(1)
    after = files(postfix)

    status, told = wire(service, postfix, "--dry-run")
    assert (status, told["said"]) == (0, ["nothing to change: filterd is wired"])  # no mail

    status, told = wire(service, postfix, "--yes")
    assert status == 0
    assert "nothing to change: filterd is wired" in told["said"]
    assert files(postfix) == after

    status, told = wire(service, postfix, "--undo")
    assert (status, told["said"]) == (0, ["undone"])
    assert files(postfix) == before
    assert wire(service, postfix, "--undo")[1]["said"] == ["there is nothing to undo"]
    service.kill()
    assert send(postfix.port, MAIL).accepted  # nobody asks filterd any more


def test_milters_that_are_there_stay_behind_ours(
    service: Service, sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    other = "{ inet:127.0.0.1:9, default_action=accept, connect_timeout=1s }"
    postfix = start_postfix(sink.port, milters=[other, "unix:/nonexistent/x.sock"])
    postfix.set(milter_default_action="accept")
    postfix.reload()
    assert wire(service, postfix, "--yes")[0] == 0
    main = (postfix.config_folder / "main.cf").read_text()
    line = next(x for x in main.splitlines() if x.startswith("smtpd_milters"))
    ours = f"{{ {service.postfix}, default_action=tempfail }}"
    assert line == f"smtpd_milters = {ours}, {other}, unix:/nonexistent/x.sock"
    assert "milter_default_action = accept" in main  # theirs is not touched


def test_a_service_with_milters_of_its_own_keeps_them_and_reinjected_mail_is_not_judged_twice(
    service: Service, sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    postfix = start_postfix(sink.port)
    master = postfix.config_folder / "master.cf"
    text = master.read_text()
    text = text.replace(
        "    -o milter_macro", "    -o smtpd_milters=inet:127.0.0.1:7\n    -o milter_macro", 1
    )
    text += "127.0.0.1:10025 inet n - n - - smtpd\n    -o content_filter=\n"
    master.write_text(text)
    status, told = wire(service, postfix, "--yes", "--no-proof")
    assert status == 0
    assert any(
        "smtpd_milters of its own (inet:127.0.0.1:7) and keeps them" in n for n in told["notes"]
    )
    changed = master.read_text()
    assert "-o smtpd_milters=inet:127.0.0.1:7" in changed
    assert changed.rstrip().endswith("-o smtpd_milters=")
    wire(service, postfix, "--undo")
    assert master.read_text() == text


def test_what_an_admin_changed_since_survives_the_undo(
    service: Service, sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    postfix = start_postfix(sink.port, milters=["inet:127.0.0.1:9"])
    assert wire(service, postfix, "--yes", "--no-proof")[0] == 0
    main = postfix.config_folder / "main.cf"
    main.write_text(main.read_text() + "# mine\nsmtpd_banner = changed\n")
    status, told = wire(service, postfix, "--undo")
    assert status == 0
    assert "was changed since: only our own keys are taken back" in told["said"][0]
    text = main.read_text()
    assert "smtpd_banner = changed" in text
    assert str(service.port) not in text
    assert "smtpd_milters = inet:127.0.0.1:9" in text


def test_a_socket_outside_the_chroot_is_refused_with_what_to_do(
    sink: SmtpSink, start_postfix: StartPostfix, tmp_path: Path
) -> None:
    postfix = start_postfix(sink.port, chroot=True)
    done = subprocess.run(
        [sys.executable, "-m", "filterd", "-s", f"state_dir={tmp_path}", "-s", "milter.sockets=unix:/run/f.sock",
         "wire", "postfix", "--config-dir", str(postfix.config_folder), "--yes"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "which are chrooted in" in done.stderr
    assert 'milter.socket_group = "postfix"' in done.stderr


def test_a_proof_that_fails_says_what_is_wrong(
    sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    postfix = start_postfix(sink.port)
    service = Service(QUIET)
    service.configure({})
    try:
        status, told = wire(service, postfix, "--yes")  # filterd does not run
    finally:
        service.close()
    assert status == 1
    assert told["notes"][-1].startswith("nothing answers at inet:127.0.0.1:")
    assert told["said"][-2].startswith("both were deferred: the MTA does not reach filterd")
    assert "--undo" in told["said"][-1]


def test_a_person_is_asked_first(
    service: Service, sink: SmtpSink, start_postfix: StartPostfix
) -> None:
    postfix = start_postfix(sink.port)
    before = files(postfix)
    done = subprocess.run(
        [sys.executable, "-m", "filterd", "--config", str(service.config_file), "wire", "postfix",
         "--config-dir", str(postfix.config_folder)],
        input="n\n", cwd=ROOT, env=service.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "+smtpd_milters" in done.stdout
    assert "nothing was changed" in done.stdout
    assert files(postfix) == before


def test_sendmail_is_wired_proved_and_undone(
    service: Service, sink: SmtpSink, start_sendmail: StartSendmail
) -> None:
    mta = start_sendmail(sink.port)
    mc = next(mta.folder.glob("*.mc"))
    cf = mta.folder / "sendmail.cf"
    before = mc.read_bytes(), cf.read_bytes()
    macros = sendmail_root() / "usr/share/sendmail/cf"
    options = [
        "--cf-dir",
        str(macros),
        "--mc",
        str(mc),
        "--cf",
        str(cf),
        "--restart",
        "true",
        "--smtp",
        f"127.0.0.1:{mta.port}",
    ]
    status, told = filterd(service, "sendmail", *options, "--yes", "--no-proof")
    assert status == 0, told
    assert b"Xfilterd" in cf.read_bytes()
    assert any("INPUT_MAIL_FILTER(`filterd'" in line for line in told["changes"])
    mta.stop()
    mta.start()
    status, told = filterd(
        service, "sendmail", *options, "--yes", "--recipient", "b@example.net"
    )
    assert (status, told["proof"]["GTUBE"]["code"]) == (0, 550), told
    assert "nothing to change: filterd is wired" in told["said"]
    assert filterd(service, "sendmail", *options, "--undo")[0] == 0
    assert (mc.read_bytes(), cf.read_bytes()) == before
