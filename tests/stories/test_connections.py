"""How an MTA and the service find each other, and who is who: sockets, chroot, privileges, profiles, log."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest

from deploy.demo.postfix import PrivatePostfix, wait_until
from deploy.demo.service import Service
from deploy.demo.sink import SmtpSink
from tests.stories.conftest import StartPostfix, StartService
from tests.stories.load import numbered
from tests.support.smtp import Client, send

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

STRANGER = Client(address="192.0.2.10", name="[UNAVAILABLE]", helo="nowhere.example")
GREYLIST_ALL = {"checks.greylist.when": "always", "checks.tarpit.enabled": False}


@pytest.mark.parametrize("chroot", [False, True], ids=["plain", "chroot"])
def test_a_unix_socket_that_only_postfix_may_use(
    sink: SmtpSink, start_postfix: StartPostfix, start_service: StartService, chroot: bool
) -> None:
    # As on Debian: smtpd is chrooted in its queue, so the socket lies below it.
    mta: PrivatePostfix = start_postfix(
        sink.port, milters=["unix:/filterd/milter.sock"], chroot=chroot
    )
    folder = (mta.queue_folder if chroot else mta.folder) / "filterd"
    folder.mkdir()
    path = folder / "milter.sock"
    if not chroot:
        mta.set(smtpd_milters=f"unix:{path}")
        mta.reload()
    service = Service(
        {
            "milter.socket_mode": "0660",
            "milter.socket_group": "postfix",
            "checks.greylist.enabled": False,
        },
        socket_path=path,
        user="nobody",
    )
    with service:
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert grp.getgrgid(found.st_gid).gr_name == "postfix"
        nobody = pwd.getpwnam("nobody").pw_uid
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in service.workers()} == {nobody}
        assert send(mta.port, numbered(0), client=STRANGER).accepted
        assert len(sink.wait(1)[0].fields("X-Spam-Status")) == 1

        before = set(service.workers())
        service.reload()
        wait_until(
            lambda: len(set(service.workers()) - before) == 2, 20.0, "the new generation"
        )
        os.kill(service.workers()[0], 9)
        assert send(mta.port, numbered(1), client=STRANGER).final.code in {250, 451}
        wait_until(lambda: send(mta.port, numbered(2), client=STRANGER).accepted, 20.0, "mail")
        assert service.stop() == 0, service.log()[-3000:]
        assert send(mta.port, numbered(3), client=STRANGER).final.code == 451
        service.start()  # over whatever socket was left
        assert send(mta.port, numbered(4), client=STRANGER).accepted


@pytest.fixture
def greylisting(
    sink: SmtpSink, start_postfix: StartPostfix, start_service: StartService
) -> tuple[PrivatePostfix, Service]:
    service = start_service(GREYLIST_ALL)
    milters = [service.postfix]
    return start_postfix(sink.port, milters=milters, non_smtpd_milters=milters), service


def test_whoever_logged_in_is_not_treated_as_a_stranger(
    sink: SmtpSink, greylisting: tuple[PrivatePostfix, Service]
) -> None:
    mta, service = greylisting
    assert send(mta.port, numbered(0), client=STRANGER).final.code == 451
    customer = Client(address="192.0.2.10", name="[UNAVAILABLE]", helo="laptop", login="joe")
    assert send(mta.submission_port, numbered(1), client=customer).accepted
    (delivery,) = sink.wait(1)
    assert "profile=authenticated" in delivery.fields("X-Spam-Status")[0]
    wait_until(lambda: "auth=joe" in service.log(), 10.0, "the line of the log")


def test_this_machine_is_not_treated_as_a_stranger(
    sink: SmtpSink, greylisting: tuple[PrivatePostfix, Service]
) -> None:
    mta, _ = greylisting
    assert send(mta.port, numbered(0)).accepted
    mta.submit(numbered(1), "root@example.net", "user@example.org")
    for delivery in sink.wait(2):
        assert "profile=local" in delivery.fields("X-Spam-Status")[0]


def test_the_log_has_one_line_a_message_that_begins_with_postfixs_queue_id(
    sink: SmtpSink, greylisting: tuple[PrivatePostfix, Service]
) -> None:
    mta, service = greylisting
    sent = send(mta.port, numbered(0), client=STRANGER, recipients=("postmaster@example.net",))
    assert sent.accepted
    queue_id = sent.final.text.rpartition(" ")[2]
    wait_until(lambda: f"{queue_id}: from=<" in service.log(), 10.0, "the line of the log")
    (line,) = [line for line in service.log().splitlines() if queue_id in line]
    for key in ("to=", "nrcpt=1", "ip=192.0.2.10", "helo=nowhere.example", "score=", "ms="):
        assert f" {key}" in line
    why = sink.wait(1)[0].fields("X-Spam-Status")[0].rpartition("why=")[2]
    assert f"why={why}" in line
