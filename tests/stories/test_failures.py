"""What is behind the filter fails, and the mail goes on: DNS, Redis, rules, model; through a real Postfix."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import wait_until
from deploy.demo.service import Service
from deploy.demo.sink import SmtpSink
from tests.stories.conftest import StartPostfix, StartService
from tests.stories.load import Account, numbered, pour
from tests.support.redisserver import RedisServer
from tests.support.smtp import Client, send

pytestmark = [pytest.mark.story, pytest.mark.timeout(120)]

STRANGER = Client(address="192.0.2.10", name="mail.example.org")
CALM = {"checks.greylist.enabled": False, "checks.tarpit.enabled": False}


def test_a_dns_that_is_silent_costs_time_up_to_the_deadline_and_no_mail(
    sink: SmtpSink, start_postfix: StartPostfix, start_service: StartService
) -> None:
    with Nameserver(
        ". TIMEOUT\norg. TIMEOUT\nexample.org. TIMEOUT\n*.example.org. TIMEOUT"
    ) as dns:
        service = start_service(
            {**CALM, "scan.deadline": 3, "dns.timeout": 2}, nameserver=dns.address
        )
        mta = start_postfix(sink.port, milters=[service.postfix])
        started = time.monotonic()
        assert send(
            mta.port, numbered(0), client=STRANGER, reverse_path="a@example.org"
        ).accepted
        assert time.monotonic() - started < 10.0
        delivery = sink.wait(1)[0]
        assert "spf=temperror" in delivery.fields("Authentication-Results")[0]
        assert dns.asked


@pytest.mark.redis
@pytest.mark.skipif(not RedisServer.available(), reason="redis-server: not installed")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
def test_a_redis_that_goes_away_under_load_refuses_no_mail_and_comes_back(
    sink: SmtpSink,
    start_postfix: StartPostfix,
    start_service: StartService,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    with RedisServer(tmp_path) as redis:
        service = start_service(
            {
                "store.kind": "redis",
                "store.url": redis.url,
                "checks.greylist.when": "always",
                "checks.tarpit.enabled": False,
            }
        )
        mta = start_postfix(sink.port, milters=[service.postfix])
        assert send(mta.port, numbered(0), client=STRANGER).final.code == 451

        redis.stop(how)
        poured = pour(mta.port, 60, client=STRANGER)
        assert poured.count(250) == 60
        account = Account.of(sink.wait(60))
        assert (account.never(60), account.twice) == ([], [])
        incomplete = [
            d for d in sink.deliveries if "incomplete=" in d.fields("X-Spam-Status")[0]
        ]
        assert len(incomplete) == 60

        if how is signal.SIGSTOP:
            redis.resume()
        else:
            redis.start()
        stranger = Client(address="198.51.100.77", name="mail.example.com")
        wait_until(
            lambda: send(mta.port, numbered(1), client=stranger).final.code == 451,
            20.0,
            "greylisting to come back",
        )


def test_a_rule_file_that_does_not_compile_stops_the_start_and_says_where(
    sink: SmtpSink,
) -> None:
    service = Service(CALM)
    rules = service.folder / "rules.d"
    rules.mkdir()
    (rules / "50-mine.toml").write_text('[rule.BROKEN]\nwhere = "body"\nmatch = "(unclosed"\n')
    try:
        with pytest.raises(RuntimeError) as failure:
            service.start()
    finally:
        service.close()
    assert "50-mine.toml" in str(failure.value)
    assert "BROKEN" in str(failure.value)


def test_a_rule_file_that_breaks_later_leaves_the_running_set_alone(
    sink: SmtpSink, start_postfix: StartPostfix, start_service: StartService
) -> None:
    service = start_service(CALM)
    mta = start_postfix(sink.port, milters=[service.postfix])
    before = sorted(service.workers())
    rules = service.folder / "rules.d"
    rules.mkdir(exist_ok=True)
    (rules / "50-mine.toml").write_text('[rule.BROKEN]\nwhere = "body"\nmatch = "(unclosed"\n')
    service.reload()
    wait_until(lambda: "50-mine.toml" in service.log(), 20.0, "the complaint")
    assert sorted(service.workers()) == before
    assert send(mta.port, numbered(0), client=STRANGER).accepted


@pytest.mark.parametrize("content", [None, b"not a model"], ids=["missing", "corrupt"])
def test_a_model_that_cannot_be_used_is_said_and_mail_goes_on(
    sink: SmtpSink,
    start_postfix: StartPostfix,
    start_service: StartService,
    tmp_path: Path,
    content: bytes | None,
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    if content is not None:
        (folder / "manifest.toml").write_bytes(content)
    service = start_service({**CALM, "classifier.model": str(folder)})
    mta = start_postfix(sink.port, milters=[service.postfix])
    assert send(mta.port, numbered(0), client=STRANGER).accepted
    assert len(sink.wait(1)[0].fields("X-Spam-Status")) == 1
    assert str(folder) in service.log()
