from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.demo.postfix import free_ports
from filterd.config.listen import Socket
from filterd.core.errors import ConfigError
from filterd.serve.sockets import Listen, Listeners, open_listener


def unix(path: Path, mode: int = 0o660) -> Listen:
    return Listen(Socket(path=str(path)), mode)


def test_a_unix_socket_has_the_mode_asked_for_before_anyone_can_connect(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "milter.sock"
    with open_listener(unix(path, 0o640)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_stale_path_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "milter.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with open_listener(unix(path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_path_in_use_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "milter.sock"
    with open_listener(unix(path)):
        with pytest.raises(ConfigError, match="another process is listening"):
            open_listener(unix(path))
        assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ConfigError, match=r"cannot listen on unix:.*precious"):
        open_listener(unix(path))
    assert path.read_text() == "data"


@pytest.mark.parametrize(
    ("owner", "group"), [("nobody-of-that-name", ""), ("", "nobody-of-that-name")]
)
def test_an_unknown_owner_is_an_error_with_its_name(
    tmp_path: Path, owner: str, group: str
) -> None:
    listen = Listen(Socket(path=str(tmp_path / "s")), owner=owner, group=group)
    with pytest.raises(ConfigError, match="nobody-of-that-name"):
        open_listener(listen)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EPERM])
def test_a_group_that_cannot_be_given_is_left_to_a_folder_that_gives_its_own(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "chown", refuse)
    listen = Listen(Socket(path=str(tmp_path / "s")), group="root")
    with pytest.raises(ConfigError, match=os.strerror(code)):
        open_listener(listen)
    tmp_path.chmod(0o2750)
    open_listener(listen).close()


def test_reload_keeps_what_stays_and_closes_what_goes(tmp_path: Path) -> None:
    first, second = unix(tmp_path / "a.sock"), unix(tmp_path / "b.sock")
    listeners = Listeners()
    kept = listeners.settle([first])[first]
    both = listeners.settle([first, second])
    assert both[first] is kept
    assert list(listeners.settle([second])) == [second]
    assert not (tmp_path / "a.sock").exists()
    listeners.close()
    assert not (tmp_path / "b.sock").exists()


def test_a_reload_that_names_a_group_keeps_the_port(tmp_path: Path) -> None:
    [port] = free_ports(1)
    address = Socket(host="127.0.0.1", port=port)
    listeners = Listeners()
    kept = listeners.settle([Listen(address)])
    both = listeners.settle([Listen(address, 0o600, group="root"), unix(tmp_path / "a.sock")])
    assert set(kept.values()) <= set(both.values())
    listeners.close()


def test_a_reload_that_cannot_bind_changes_nothing(tmp_path: Path) -> None:
    good, bad = unix(tmp_path / "a.sock"), unix(tmp_path / "file" / "b.sock")
    (tmp_path / "file").write_text("")
    listeners = Listeners()
    kept = listeners.settle([good])[good]
    with pytest.raises(ConfigError):
        listeners.settle([bad])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "a.sock"))
    assert listeners.settle([good])[good] is kept
    listeners.close()


def test_tcp_edits_do_not_wait_for_each_other() -> None:
    with open_listener(Listen(Socket(host="127.0.0.1", port=0))) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        accepted.close()
        client.close()


def test_a_socket_of_the_service_manager_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = unix(tmp_path / "milter.sock")
    pid = os.fork()
    if pid == 0:  # descriptor 3 is the manager's, so a process of its own
        code = 1
        try:
            given = open_listener(listen)
            if given.fileno() != 3:
                os.dup2(given.fileno(), 3)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = "1"
            found = Listeners().settle([listen])[listen]
            code = 0 if found.fileno() == 3 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
