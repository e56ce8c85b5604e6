from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from filterd.config.listen import Socket
from filterd.serve.lifeline import Lifeline
from filterd.serve.sockets import Listen
from filterd.serve.worker import Job, live


@dataclass
class Running:
    trace: Path
    fails: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def note(self, word: str) -> None:
        with self.trace.open("a") as file:
            file.write(word + "\n")

    def run(self, listener: socket.socket) -> None:
        if self.fails:
            raise RuntimeError("cannot")
        self.note("run")
        self.ended.wait(10)
        threading.Event().wait(10)

    def retire(self, patience: float) -> None:
        self.note(f"retire {patience:g}")
        self.ended.set()

    def close(self) -> None:
        self.note("close")


@pytest.mark.parametrize(("fails", "status"), [(False, 0), (True, 1)])
def test_a_worker_lives_until_its_line_is_cut(tmp_path: Path, fails: bool, status: int) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    lifeline = Lifeline.make()
    job = Job("test", 1, Listen(Socket(path="/x")), lambda: Running(trace, fails))
    pid = os.fork()
    if pid == 0:
        with socket.socket() as unused:
            live(job, unused, lifeline, 3.0)
    lifeline.held_by_master()
    if not fails:
        while "run" not in trace.read_text():
            assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        lifeline.cut()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    assert trace.read_text().split("\n")[:-1] == ([] if fails else ["run", "retire 3", "close"])
