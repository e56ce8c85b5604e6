from __future__ import annotations

import ctypes.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.service import Service
from tests.support.miltermta import Connection, Submission, play
from tests.support.sandbox import settings
from tests.support.shared import ROOT

UNIT = ROOT / "deploy" / "systemd" / "filterd.service"
REPORT = UNIT.with_name("filterd-dmarc.service")
MAIL = b"From: a@example.org\r\nSubject: hello\r\n\r\nhello http://example.org/\r\n"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
needs_seccomp = pytest.mark.skipif(
    ctypes.util.find_library("seccomp") is None, reason="libseccomp is not installed"
)


@needs_systemd
@pytest.mark.parametrize("unit", [UNIT, REPORT], ids=lambda unit: unit.name)
def test_the_sandbox_is_rated_2_0_or_better(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@needs_systemd
@pytest.mark.parametrize(
    "name",
    ["filterd.service", "filterd.socket", "filterd-dmarc.service", "filterd-dmarc.timer"],
)
def test_the_units_are_valid(name: str, tmp_path: Path) -> None:
    for unit in UNIT.parent.glob("filterd*.[st]*"):
        text = unit.read_text().replace("/usr/bin/filterd", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    complaints = [x for x in done.stderr.splitlines() if name in x]
    assert complaints == []


def test_what_is_reloaded_watched_and_stopped() -> None:
    said = settings(UNIT)
    assert said["Type"] == ["notify"]
    assert said["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert said["KillMode"] == [
        "mixed"
    ]  # the master alone gets SIGTERM; workers end their sessions
    assert int(said["WatchdogSec"][0].removesuffix("s")) >= 10
    assert int(said["TimeoutStopSec"][0].removesuffix("s")) > 30  # staff: a worker's patience


def test_reports_are_sent_by_the_same_user_in_the_same_sandbox() -> None:
    of_service = {
        "Documentation", "Before", "Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec",
        "WatchdogSec", "TimeoutStopSec", "KillMode", "LimitNOFILE", "TasksMax", "ReadWritePaths", "WantedBy",
        "Description", "RuntimeDirectory", "RuntimeDirectoryMode", "ConfigurationDirectory",
    }  # fmt: skip
    service, report = settings(UNIT), settings(REPORT)
    assert {k: v for k, v in service.items() if k not in of_service}.items() <= report.items()
    assert "RuntimeDirectory" not in report  # its end would remove the running service's


@needs_systemd
@needs_seccomp
def test_a_scan_needs_no_call_that_the_unit_forbids(tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(MAIL)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.sandbox", str(UNIT), sys.executable, "-m", "filterd",
         "-s", f"state_dir={tmp_path}", "scan", "--json", "--no-dns", "--state", "live", str(mail)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["failures"] == []


@needs_systemd
@needs_seccomp
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inet", "unix"])
def test_the_service_lives_reloads_and_ends_under_the_filter(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(
        {
            "checks.greylist.enabled": False,
            "http.enabled": True,
            "http.sockets": ["unix:/nowhere"],
        }
    )
    service.configure({"http.sockets": [f"unix:{service.folder}/http.sock"]})
    if kind == "unix":
        path = f"{service.folder}/milter.sock"
        service.configure(
            {"milter.sockets": [f"unix:{path}", f"inet:127.0.0.1:{service.port}"]}
        )
    real = subprocess.Popen

    def popen(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        wrapped = [sys.executable, "-m", "tests.support.sandbox", str(UNIT), *command]
        return real(wrapped, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", popen)
    with service:
        address = service.address if kind == "inet" else path
        for _ in range(2):
            with Connection(address) as mta:
                assert play(mta, Submission(MAIL)).stage == "eom"
            service.reload()
        status = json.loads((service.state / "run" / "status.json").read_text())
        assert not status["reload_problem"]
        assert service.stop() == 0
    assert "Traceback" not in service.log()
    assert "not permitted" not in service.log()


@needs_systemd
@needs_seccomp
@pytest.mark.parametrize(
    "code",
    ["import mmap; mmap.mmap(-1, 4096, prot=7)", "import os; os.setuid(os.getuid())",
     "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "import os; os.chroot('/')"],
    ids=["write and execute", "change user", "netlink", "change root"],
)  # fmt: skip
def test_the_filter_of_these_tests_forbids_what_the_unit_does(code: str) -> None:
    wanted = (
        f"try: x = {code.rpartition('; ')[2]}\nexcept PermissionError: x = -1\nassert x == -1"
    )
    command = f"import os\n{code.rpartition('; ')[0]}\n{wanted}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.sandbox", str(UNIT), sys.executable, "-c", command],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
