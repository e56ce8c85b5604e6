from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from filterd.serve import notify


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda: notify.ready("2 rules\nof 3"), b"READY=1\nSTATUS=2 rules of 3"),
        (notify.stopping, b"STOPPING=1"),
        (notify.watchdog, b"WATCHDOG=1"),
    ],
)
def test_words_reach_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Callable[[], None], expected: bytes
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        say()
        assert manager.recv(1000) == expected


def test_a_reload_carries_the_time_that_systemd_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify.reloading()
        first, second = manager.recv(1000).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.partition(b"=")[2].isdigit()


def test_nothing_is_said_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    notify.watchdog()
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify.watchdog()
