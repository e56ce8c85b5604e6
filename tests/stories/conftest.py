"""The fixtures of stories: real MTAs on loopback and a last hop. Skipped, visibly, where none is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import pytest

from deploy.demo.postfix import MtaUnavailableError, PrivatePostfix
from deploy.demo.service import Service
from deploy.demo.sink import SmtpSink
from tests.support.sendmail import PrivateSendmail

Mta = TypeVar("Mta")
StartPostfix = Callable[..., PrivatePostfix]
StartService = Callable[..., Service]
StartSendmail = Callable[..., PrivateSendmail]


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """The last hop: everything that an MTA delivers."""
    with SmtpSink() as last_hop:
        yield last_hop


@pytest.fixture
def start_postfix() -> Iterator[StartPostfix]:
    """`start_postfix(next_hop, milters=[...], ...)`: a running private Postfix, ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(next_hop: int, **options: object) -> PrivatePostfix:
            return stack.enter_context(available(PrivatePostfix, next_hop, **options))

        yield start


@pytest.fixture
def start_sendmail() -> Iterator[StartSendmail]:
    """`start_sendmail(next_hop, filters=[...])`: a running private Sendmail, ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(next_hop: int, **options: object) -> PrivateSendmail:
            return stack.enter_context(available(PrivateSendmail, next_hop, **options))

        yield start


def available(build: Callable[..., Mta], *arguments: object, **options: object) -> Mta:
    """The MTA, not yet started; skips the test where this machine cannot run it."""
    try:
        return build(*arguments, **options)
    except MtaUnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def start_service() -> Iterator[StartService]:
    """`start_service({"checks.greylist.enabled": False})`: a running filterd, ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(settings: Mapping[str, object] | None = None, **options: Any) -> Service:
            return stack.enter_context(Service(settings, **options))

        yield start
