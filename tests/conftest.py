"""conftest - what holds for every test: no traffic off the machine, repeatable examples.

Owns:   the loopback fence, the hypothesis profiles, an environment without FILTERD_ settings.
Not here: markers (pyproject.toml); anything one folder alone needs (a conftest.py there, or tests/support).

`HYPOTHESIS_PROFILE=explore pytest -m fuzz` looks further than the repeatable default.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.support.heuristics")

from tests.support import shared  # noqa: E402, F401 - takes $FILTERD_SHARED before it is cleared below

INTERNET = {socket.AF_INET, socket.AF_INET6}
QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)

# An operator's settings are no facts of a test; subprocesses inherit the cleaned environment.
for _name in [name for name in os.environ if name.startswith("FILTERD_")]:
    del os.environ[_name]

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=QUIET,
)
settings.register_profile(
    "explore", deadline=None, max_examples=5000, suppress_health_check=QUIET
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


class OffLoopbackError(AssertionError):
    """A test tried to reach something that is not this machine."""


def is_local(address: object) -> bool:
    """True for AF_UNIX paths and for loopback literals; names other than localhost are not local."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def loopback_fence() -> Iterator[None]:
    """Make connecting, sending or resolving off the loopback an error in every test."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex", "sendto", "sendmsg"):
        patch.setattr(socket.socket, name, _fenced(name))
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        if host is not None and not is_local(
            (host if isinstance(host, str) else host.decode(),)
        ):
            raise OffLoopbackError(f"getaddrinfo({host!r}) in a test")
        return look_up(host, *rest, **options)

    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    patch.undo()


def _fenced(name: str) -> Any:
    original = getattr(socket.socket, name)

    def call(self: socket.socket, *arguments: Any) -> Any:
        # sendto(bytes[, flags], address); sendmsg(buffers[, ancillary[, flags[, address]]])
        has_address = name != "sendmsg" or len(arguments) > 3
        if has_address and self.family in INTERNET and not is_local(arguments[-1]):
            raise OffLoopbackError(f"{name}({arguments[-1]!r}) in a test")
        return original(self, *arguments)

    return call


# What waits longest goes first where several processes share the tests, so that they end together.
LONGEST_FIRST = (
    "tests/stories/",
    "tests/deploy/",
    "tests/benchmarks/",
    "tests/frontends/",
    "tests/conformance/",
    "tests/store/",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of pytest-xdist's
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The place of a test's folder in LONGEST_FIRST; the rest comes after."""
    places = (n for n, head in enumerate(LONGEST_FIRST) if item.nodeid.startswith(head))
    return next(places, len(LONGEST_FIRST))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept", action="store_true", help="make what golden cases got the expectation"
    )
