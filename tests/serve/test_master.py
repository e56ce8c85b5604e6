from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filterd.core.evidence import Hit
from tests.support.miltermta import Connection, Kind, MilterGoneError, Submission, play
from tests.support.scanning import a_check
from tests.support.service import Service, running

MAIL = b"From: a@example.org\r\n\r\nbody\r\n"


def accepted(service: Service) -> bool:
    with Connection(service.address) as mta:
        return play(mta, Submission(MAIL)).answer.kind is Kind.ACCEPT


def test_a_killed_worker_is_replaced_within_a_second_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    with running(tmp_path, workers=2) as service:
        victim = service.workers[0]
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        assert accepted(service)
        service.until(lambda: victim not in service.workers and len(service.workers) == 2)
        assert time.monotonic() - killed < 2.0
        assert service.status["restarts"] == 1
        assert accepted(service)


def test_reload_under_load_refuses_no_connection(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    done = threading.Event()
    count = [0]

    def load() -> None:
        while not done.is_set():
            try:
                assert accepted(service)
                count[0] += 1
            except (AssertionError, OSError, MilterGoneError) as error:
                failures.append(error)
                return

    with running(tmp_path, a_check("hit", lambda _: [Hit("A")]), workers=2) as service:
        clients = [threading.Thread(target=load) for _ in range(4)]
        for client in clients:
            client.start()
        for generation in range(2, 6):
            os.kill(service.pid, signal.SIGHUP)
            service.until(is_generation(service, generation))
            enough = count[0] + 25
            service.until(lambda: bool(failures) or count[0] >= enough)  # noqa: B023
        done.set()
        for client in clients:
            client.join()
        service.until(lambda: len(service.status["workers"]) == 2)
    assert failures == []
    assert count[0] >= 100


def test_a_session_in_flight_outlives_a_reload(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service, Connection(service.address) as mta:
        mta.connect("mail.example.org", "192.0.2.1")
        mta.helo()
        mta.mail()
        mta.rcpt()
        os.kill(service.pid, signal.SIGHUP)
        service.until(lambda: service.status["generation"] == 2)
        mta.field(b"From", b" a@example.org")
        mta.end_of_header()
        mta.body(b"body\r\n")
        assert mta.end_of_message().answer.kind is Kind.ACCEPT


def test_a_reload_that_cannot_be_built_keeps_the_running_generation(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service:
        before = service.workers
        (tmp_path / "broken").touch()
        os.kill(service.pid, signal.SIGHUP)
        service.until(lambda: "broken on purpose" in service.status["reload_problem"])
        assert service.workers == before
        assert accepted(service)
        (tmp_path / "broken").unlink()
        os.kill(service.pid, signal.SIGHUP)
        service.until(lambda: service.status["generation"] == 2)
        assert service.status["reload_problem"] == ""


def test_a_mistake_of_ours_at_a_reload_keeps_the_running_generation(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service:
        before = service.workers
        (tmp_path / "mistaken").touch()
        os.kill(service.pid, signal.SIGHUP)
        service.until(lambda: "a mistake of ours" in service.status["reload_problem"])
        assert service.workers == before
        assert accepted(service)


def test_a_change_on_disk_makes_a_generation_without_a_signal(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service:
        (tmp_path / "changed").touch()
        service.until(is_generation(service, 2))
        assert accepted(service)


def test_what_stands_beside_the_service_does_not_end_it(tmp_path: Path) -> None:
    def fails(*_: object) -> str:
        raise PermissionError("run directory")

    with running(tmp_path, workers=1, on_death=fails) as service:
        os.kill(service.workers[0], signal.SIGKILL)
        service.until(lambda: service.status["restarts"] == 1 and len(service.workers) == 1)
        assert accepted(service)


def test_a_session_outlives_reloads_however_slow_it_is_but_not_many_of_them(
    tmp_path: Path,
) -> None:
    with (
        running(tmp_path, workers=1, patience=0.1) as service,
        Connection(service.address) as mta,
    ):
        first = service.workers[0]
        mta.connect("mail.example.org", "192.0.2.1")
        mta.helo()
        for generation in (2, 3):
            os.kill(service.pid, signal.SIGHUP)
            service.until(is_generation(service, generation))
        time.sleep(0.3)  # more than the patience of a stop
        assert play(mta, Submission(MAIL), same_session=True).answer.kind is Kind.ACCEPT
        os.kill(service.pid, signal.SIGHUP)
        service.until(is_gone(first))


def test_a_master_without_descriptors_goes_on_and_replaces_workers_when_it_can(
    tmp_path: Path,
) -> None:
    with running(tmp_path, workers=1) as service:
        limits = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (1, limits[1]))
        os.kill(service.workers[0], signal.SIGKILL)
        time.sleep(1.2)  # a turn of the master
        assert _is_alive(service.pid)
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, limits)
        service.until(lambda: service.status["restarts"] >= 1 and len(service.workers) == 1)
        assert accepted(service)


def test_a_stop_lets_the_session_in_flight_end(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service, Connection(service.address) as mta:
        mta.connect("mail.example.org", "192.0.2.1")
        mta.helo()
        mta.mail()
        mta.rcpt()
        worker = service.workers[0]
        os.kill(service.pid, signal.SIGTERM)
        service.until(lambda: not _can_connect(service))
        mta.field(b"From", b" a@example.org")
        mta.end_of_header()
        assert mta.end_of_message().answer.kind is Kind.ACCEPT
        mta.quit()
        service.until(lambda: not _is_alive(worker))


def test_when_the_master_dies_its_workers_leave(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as service:
        workers = service.workers
        os.kill(service.pid, signal.SIGKILL)
        for worker in workers:
            service.until(is_gone(worker))


def is_generation(service: Service, number: int) -> Callable[[], bool]:
    return lambda: bool(service.status["generation"] == number)


def is_gone(pid: int) -> Callable[[], bool]:
    return lambda: not _is_alive(pid)


def _can_connect(service: Service) -> bool:
    try:
        Connection(service.address).close()
    except (OSError, MilterGoneError):
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
