from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import Any

import pytest

from filterd.config.listen import Socket
from filterd.config.load import load
from filterd.frontends.cli.mta.health import connect_as, postfix
from filterd.frontends.cli.mta.postfix import Service

HEALTHY = {
    "smtpd_milters": "{ inet:127.0.0.1:8895, default_action=tempfail }",
    "non_smtpd_milters": "inet:127.0.0.1:8895",
    "milter_default_action": "tempfail",
    "milter_command_timeout": "30s",
    "milter_content_timeout": "300s",
    "message_size_limit": "10240000",
    "mail_owner": pwd.getpwuid(os.getuid()).pw_name,
    "queue_directory": "/",
}


class FakePostfix:
    """Answers as postconf would."""

    def __init__(self, **values: str) -> None:
        self.values = {**HEALTHY, **values}
        self.services = (Service("smtp", "inet", "smtpd", False),)
        self.queue_directory = Path("/var/spool/postfix")
        self.own: str | None = None

    def value(self, name: str) -> str:
        return self.values[name]

    def override(self, service: Service, parameter: str) -> str | None:
        return self.own

    @property
    def smtp_servers(self) -> tuple[Service, ...]:
        return self.services


CASES = {
    "not wired": ({"smtpd_milters": ""}, "failure postfix"),
    "accept": (
        {"smtpd_milters": "inet:127.0.0.1:8895", "milter_default_action": "accept"},
        "warning default action",
    ),
    "reject": (
        {"smtpd_milters": "{ inet:127.0.0.1:8895, default_action=reject }"},
        "failure default action",
    ),
    "signer before": (
        {"smtpd_milters": "inet:127.0.0.1:8891, inet:127.0.0.1:8895"},
        "warning milters",
    ),
    "opendmarc behind": (
        {"smtpd_milters": "inet:127.0.0.1:8895, unix:opendmarc/x.sock"},
        "warning milters",
    ),
    "local mail": ({"non_smtpd_milters": ""}, "warning postfix"),
    "short command timeout": ({"milter_command_timeout": "5s"}, "failure timeouts"),
    "short content timeout": ({"milter_content_timeout": "10s"}, "failure timeouts"),
    "large mail": ({"message_size_limit": "0"}, "warning size"),
    "no queue": ({"queue_directory": "/nonexistent"}, "failure postfix"),
}


def found(fake: Any) -> list[str]:
    return [f"{f.level.value} {f.name}" for f in postfix(fake, load().settings)]


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES)
def test_what_makes_a_filter_useless_is_found(values: dict[str, str], expected: str) -> None:
    assert expected in found(FakePostfix(**values))


def test_a_healthy_postfix_has_nothing_to_say_against_it() -> None:
    said = [x for x in found(FakePostfix()) if not x.startswith("ok ") and "socket" not in x]
    assert said == []


def test_a_service_without_the_filter_is_named() -> None:
    fake = FakePostfix()
    fake.own = "inet:127.0.0.1:7"
    assert "warning postfix" in found(fake)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_socket_is_tried_as_the_user_of_the_mta(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        assert connect_as(nobody, Socket(host="127.0.0.1", port=tcp.getsockname()[1])) == ""
    path = tmp_path / "closed.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600)
        assert connect_as(nobody, Socket(path=str(path))) == "Permission denied"
