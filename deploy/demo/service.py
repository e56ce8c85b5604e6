"""service - `filterd serve` as a process of its own on a free port, gone afterwards.

Owns:   Service: its settings file, its state directory, its life, its workers, its log.
Not here: what it answers (Postfix, or tests.support.miltermta, asks it).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.demo.postfix import free_ports, wait_until
from deploy.demo.running import Running

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
STOP_SECONDS = 40.0


class Service(Running):
    """The service with given settings, dotted key to value: {"checks.greylist.enabled": False}.

    Unless said otherwise it has two workers, an inet socket (else a UNIX one at `socket_path`), DNS at `nameserver` (or a closed port:
    never the machine's own resolver), and everything it writes below its own folder.
    """

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        nameserver: str = "127.0.0.1:9",
        socket_path: Path | None = None,
        user: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="filterd-service-"))
        self.folder.chmod(0o755)
        (self.port,) = free_ports(1)
        self.socket_path = socket_path
        self._user = user
        self.state = self.folder / "state"
        self.log_file = self.folder / "filterd.log"
        self.config_file = self.folder / "filterd.toml"
        self._settings: dict[str, object] = {
            "state_dir": str(self.state),
            "milter.sockets": [self.postfix],
            "milter.workers": 2,
            "milter.user": user,
            "rules.directory": str(self.folder / "rules.d"),
            "dns.servers": [nameserver],
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def postfix(self) -> str:
        """The service as smtpd_milters names it."""
        if self.socket_path is not None:
            return f"unix:{self.socket_path}"
        return f"inet:127.0.0.1:{self.port}"

    @property
    def sendmail(self) -> str:
        """The service as S= of INPUT_MAIL_FILTER names it."""
        if self.socket_path is not None:
            return f"unix:{self.socket_path}"
        return f"inet:{self.port}@127.0.0.1"

    @property
    def address(self) -> tuple[str, int]:
        """The service as a socket address."""
        return ("127.0.0.1", self.port)

    @property
    def pid(self) -> int:
        """The master's process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    # -- life

    def start(self) -> None:
        """Start; returns when the socket takes connections and both workers are there."""
        self.configure({})
        self.state.mkdir(exist_ok=True)
        if self._user:
            shutil.chown(self.state, self._user)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "filterd", "serve"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment(), "FILTERD_CONFIG": str(self.config_file)},
                start_new_session=True,
            )
        wait_until(self._answers, READY_SECONDS, "filterd to listen")

    def configure(self, settings: Mapping[str, object]) -> None:
        """Change settings in the file; they take effect at `start` or `reload`."""
        self._settings.update(settings)
        lines = [f"{key} = {_toml(value)}\n" for key, value in self._settings.items()]
        self.config_file.write_text("".join(lines))

    def reload(self) -> None:
        """SIGHUP: a new generation of workers; returns at once."""
        os.kill(self.pid, signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM, as systemd does; the exit status."""
        process, self._process = self._process, None
        assert process is not None, "not started"
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill_all(process)
            raise

    def kill(self) -> None:
        """SIGKILL to master and workers at once."""
        process, self._process = self._process, None
        if process is not None:
            self._kill_all(process)

    def close(self) -> None:
        """End it and remove all files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- looking inside

    def log(self) -> str:
        """Everything logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def workers(self) -> list[int]:
        """Process ids of the workers, all generations."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def environment(self) -> dict[str, str]:
        """The environment without any FILTERD_ variable, with the checkout on Python's path."""
        kept = {name: text for name, text in os.environ.items() if name[:8] != "FILTERD_"}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def _kill_all(self, process: subprocess.Popen[bytes]) -> None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers = (
            [int(pid) for pid in children.read_text().split()] if children.exists() else []
        )
        process.kill()  # the master first, so that it replaces nobody
        for pid in workers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait(STOP_SECONDS)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"filterd did not start:\n{self.log()}")
        family = socket.AF_INET if self.socket_path is None else socket.AF_UNIX
        with socket.socket(family) as client:
            client.settimeout(5)
            try:
                client.connect(
                    self.address if self.socket_path is None else str(self.socket_path)
                )
            except OSError:
                return False
        return len(self.workers()) >= 2  # the socket is open before anybody is born to serve it


def _toml(value: object) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
