"""sockets - the addresses an MTA connects to: open, own, keep over reloads, inherit.

Owns:   Listen, Listeners. Spellings of addresses are config.listen's.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filterd.config.listen import Socket
from filterd.core.errors import ConfigError, ConfigProblem

BACKLOG = 4096  # a burst of a large MTA; the kernel cuts it to net.core.somaxconn
_FIRST_INHERITED = 3  # sd_listen_fds(3)


@dataclass(frozen=True, slots=True)
class Listen:
    """One address to listen on; mode and owners are those of a unix path."""

    socket: Socket
    mode: int = 0o660
    owner: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        """A reload that changes them must not take a port for another one."""
        if not self.socket.is_unix:
            for name, none in (("mode", 0o660), ("owner", ""), ("group", "")):
                object.__setattr__(self, name, none)

    def __str__(self) -> str:
        return str(self.socket)

    @property
    def path(self) -> str:
        return self.socket.path


def _problem(listen: Listen, error: OSError) -> ConfigError:
    return ConfigError(
        [ConfigProblem("", "milter.sockets", f"cannot listen on {listen}: {error.strerror}")]
    )


def open_listener(listen: Listen) -> socket.socket:
    """Bind and listen. A stale unix path is replaced, one that is in use is an error."""
    if listen.socket.is_unix:
        return _open_unix(listen)
    host, port = listen.socket.host, listen.socket.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # accepted sockets inherit it; libmilter writes each edit by itself: 44 ms a message else
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise _problem(listen, error) from error
    return found


def _open_unix(listen: Listen) -> socket.socket:
    path = Path(listen.path)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                if _is_served(path):
                    raise OSError(98, "another process is listening there")
                path.unlink()
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        mask = os.umask(0o777)  # nobody may connect before owner and mode are right
        try:
            found.bind(listen.path)
        finally:
            os.umask(mask)
        uid = pwd.getpwnam(listen.owner).pw_uid if listen.owner else -1
        gid = grp.getgrnam(listen.group).gr_gid if listen.group else -1
        if uid != -1 or gid != -1:
            _give(path, uid, gid)
        path.chmod(listen.mode)
        found.listen(BACKLOG)
    except KeyError as error:
        found.close()
        raise _problem(listen, OSError(0, f"no such user or group: {error}")) from error
    except OSError as error:
        found.close()
        raise _problem(listen, error) from error
    return found


def _give(path: Path, uid: int, gid: int) -> None:
    """Change owner and group; where the folder gives its own group to files, that one may stay.

    In a user namespace (PrivateUsers= of the unit) a group that is not ours cannot even be named: EINVAL.
    """
    try:
        os.chown(path, uid, gid)
    except OSError as error:
        has_group = path.parent.stat().st_mode & stat.S_ISGID
        if uid != -1 or not has_group or error.errno not in {errno.EINVAL, errno.EPERM}:
            raise


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def inherited() -> list[socket.socket]:
    """Listeners handed over by the service manager (LISTEN_FDS of sd_listen_fds(3))."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0") or 0)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    found = []
    for number in range(_FIRST_INHERITED, _FIRST_INHERITED + min(count, 32)):
        os.set_inheritable(number, False)
        found.append(socket.socket(fileno=number))
    return found


class Listeners:
    """The open listeners of a master, kept over reloads by address."""

    def __init__(self) -> None:
        self._open: dict[Listen, socket.socket] = {}
        self._inherited = inherited()
        self._managed: set[Listen] = set()  # the service manager's; it goes on listening

    def settle(self, wanted: Iterable[Listen]) -> dict[Listen, socket.socket]:
        """Open what is new, close what is no longer wanted; on error nothing has changed."""
        wanted = tuple(dict.fromkeys(wanted))
        fresh: dict[Listen, socket.socket] = {}
        try:
            for listen in wanted:
                if listen not in self._open:
                    fresh[listen] = self._take(listen) or open_listener(listen)
        except ConfigError:
            for found in fresh.values():
                found.close()
            raise
        for listen in [known for known in self._open if known not in wanted]:
            self._close(listen)
        self._open.update(fresh)
        return dict(self._open)

    def _take(self, listen: Listen) -> socket.socket | None:
        for found in self._inherited:
            name = found.getsockname()
            address = listen.socket
            if name == address.path or name[:2] == (address.host, address.port):
                self._inherited.remove(found)
                self._managed.add(listen)
                return found
        return None

    def _close(self, listen: Listen) -> None:
        found = self._open.pop(listen)
        found.close()  # never shutdown(): libmilter would end with its sessions in flight
        if listen.path and listen not in self._managed:
            # Without root the folder may not be ours to write; the next start replaces what is left.
            with contextlib.suppress(OSError):
                Path(listen.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Close all and remove the unix paths."""
        for listen in list(self._open):
            self._close(listen)
