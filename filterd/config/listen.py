"""listen - where a server listens, in every spelling that MTAs use.

Owns:   Socket, parse_socket, parse_mode.
Postfix says inet:HOST:PORT and unix:PATH, Sendmail and libmilter inet:PORT@HOST and local:PATH; all are
understood, so that an admin can paste what stands in main.cf or sendmail.mc.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

_AT = re.compile(r"(\d{1,5})@\[?([^\s\[\]@]{1,255})\]?\Z")
_COLON = re.compile(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([^\s\[\]@:]{1,255}|)):(\d{1,5})\Z")
_PATH_MAX = 107  # sockaddr_un.sun_path less its NUL


@dataclass(frozen=True, slots=True)
class Socket:
    """A TCP address or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_unix(self) -> bool:
        return bool(self.path)

    @property
    def is_local(self) -> bool:
        """True when only this machine can connect."""
        if self.is_unix:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def libmilter(self) -> str:
        """As smfi_setconn and Sendmail want it."""
        if self.is_unix:
            return f"unix:{self.path}"
        return (
            f"inet6:{self.port}@{self.host}"
            if ":" in self.host
            else f"inet:{self.port}@{self.host}"
        )

    @property
    def postfix(self) -> str:
        """As smtpd_milters wants it."""
        if self.is_unix:
            return f"unix:{self.path}"
        return (
            f"inet:[{self.host}]:{self.port}"
            if ":" in self.host
            else f"inet:{self.host}:{self.port}"
        )

    def connect(self, seconds: float = 5.0) -> socket.socket:
        """A connection to who listens there, on this machine where that is everywhere. Raises OSError."""
        if self.is_unix:
            channel = socket.socket(socket.AF_UNIX)
            channel.settimeout(seconds)
            try:
                channel.connect(self.path)
            except OSError:
                channel.close()
                raise
            return channel
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return socket.create_connection((host, self.port), seconds)

    def __str__(self) -> str:
        return self.postfix


def parse_socket(value: Any) -> Socket:
    """Return the socket of "inet:127.0.0.1:8895", "inet:8895@127.0.0.1" or "unix:/path"."""
    if isinstance(value, Socket):
        return value
    if not isinstance(value, str):
        raise ValueError(f'expected a socket such as "inet:127.0.0.1:8895", got {value!r}')
    kind, colon, rest = value.partition(":")
    if value.startswith("/"):
        kind, rest = "unix", value
    elif not colon or kind not in {"inet", "inet6", "unix", "local"}:
        raise ValueError(
            f'expected "inet:HOST:PORT", "inet:PORT@HOST" or "unix:/PATH", got {value!r}'
        )
    if kind in {"unix", "local"}:
        return _unix(rest)
    return _inet(rest, value)


def _unix(path: str) -> Socket:
    if not path.startswith("/"):
        raise ValueError(f"the path of a socket must be absolute, got {path!r}")
    if len(path.encode()) > _PATH_MAX:
        raise ValueError(f"the path of a socket has at most {_PATH_MAX} bytes, got {path!r}")
    return Socket(path=path)


def _inet(rest: str, value: str) -> Socket:
    if match := _AT.match(rest):
        port, host = match.group(1), match.group(2)
    elif match := _COLON.match(rest):
        host, port = match.group(1) or match.group(2) or "0.0.0.0", match.group(3)
    elif rest.isdigit():
        host, port = "0.0.0.0", rest
    else:
        raise ValueError(f'expected "inet:HOST:PORT" or "inet:PORT@HOST", got {value!r}')
    if not 0 <= int(port) <= 65535:
        raise ValueError(f"a port is at most 65535, got {port}")
    return Socket(host=host, port=int(port))


def parse_mode(value: Any) -> int:
    """Return the permission bits of "0660" or 0o660."""
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return int(value, 8)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0o777:
        return value
    raise ValueError(f'expected permissions such as "0660", got {value!r}')


SocketAddress = Annotated[Socket, PlainValidator(parse_socket), PlainSerializer(str)]
Mode = Annotated[int, PlainValidator(parse_mode), PlainSerializer(lambda bits: f"{bits:04o}")]
