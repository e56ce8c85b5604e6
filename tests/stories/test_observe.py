"""Observe mode alters neither mail nor what enforcing will do later."""

from __future__ import annotations

import pytest

from deploy.demo.postfix import wait_until
from deploy.demo.service import Service
from tests.support.miltermta import Connection, Played, Submission, play

pytestmark = [pytest.mark.story, pytest.mark.timeout(60)]

MAIL = b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nhello\r\n"


def deliver(service: Service) -> Played:
    with Connection(service.address) as mta:
        return play(mta, Submission(MAIL, client="192.0.2.7", recipients=("bob@example.net",)))


def test_a_stranger_of_observe_mode_is_a_stranger_when_it_ends() -> None:
    settings = {"mode": "observe", "checks.greylist.when": "always", "checks.greylist.delay": 1}
    with Service(settings) as service:
        for _ in range(3):
            played = deliver(service)
            assert played.answer.code == 250
            fields = {getattr(e, "name", ""): getattr(e, "value", b"") for e in played.edits}
            assert fields["X-Filterd-Would"].strip().startswith(b"action=greylist")
        service.configure({"mode": "enforce"})
        service.reload()
        wait_until(lambda: deliver(service).answer.code == 451, 20, "enforcement")
