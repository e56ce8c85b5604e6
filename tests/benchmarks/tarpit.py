"""tarpit - what the others wait longer while 200 sessions are held.

usage: python -m tests.benchmarks.tarpit [--rounds N] [--messages M]

The real service with two workers, 200 clients held at RCPT all the time in every second round, and four
connections that deliver plain mail one after the other; latency of a whole message in milliseconds. Rounds
with and without are taken in turns and their medians compared, for neighbours move a 99th percentile by more
than a tarpit does. `tests/stories/test_tarpit.py` holds the reason: sessions that wait use no CPU.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.postfix import wait_until
from deploy.demo.service import Service
from filterd.observe.metrics import read_totals
from tests.support.miltermta import Connection, MilterGoneError, Submission, play

HELD = 200
MOST = 0.95  # of them, at the least: one whose wait is over comes back
THREADS = 4
MAIL = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n"
    + b"some text of a message that is plain\r\n"
    * 100
)


def settings(allowed: Path, seconds: float) -> dict[str, object]:
    """Whoever is odd waits that long at RCPT; 203.0.113.0/24 never does."""
    allowed.write_text("203.0.113.0/24\n")
    return {
        "checks.greylist.enabled": False,
        "checks.allow.allow_files": [str(allowed)],
        "checks.tarpit.start": 0,
        "checks.tarpit.end_start": 1000,
        "checks.tarpit.seconds_per_point": 20,
        "checks.tarpit.ceiling": seconds,
        "checks.tarpit.total": seconds,
        "checks.tarpit.busy": 1000,
        "checks.tarpit.places": HELD,  # whichever worker they come to
    }


@contextmanager
def held(service: Service, count: int = HELD) -> Iterator[None]:
    """So many sessions wait for their answer to RCPT, all the time; the last ones end by themselves."""
    over = threading.Event()

    def wait(number: int) -> None:
        while not over.is_set():
            try:
                with Connection(service.address, seconds=60) as mta:
                    mta.connect(address=f"198.51.{number}.1")
                    mta.helo("bareword")
                    mta.mail()
                    mta.rcpt()
                    mta.quit()
            except (MilterGoneError, OSError):  # the service is gone
                return

    for number in range(count):
        threading.Thread(target=wait, args=(number,), daemon=True).start()
    try:
        wait_until(lambda: held_now(service) >= count * MOST, 20, f"{count} held sessions")
        yield
    finally:
        over.set()


def held_now(service: Service) -> float:
    """Sessions held, as the workers' metrics say."""
    return read_totals(service.state / "run" / "metrics").numbers.get(("filterd_held",), 0.0)


def others(service: Service, count: int) -> tuple[float, float]:
    """Median and 99th percentile of so many messages, milliseconds."""
    times: list[float] = []

    def deliver(number: int) -> None:
        for _ in range(count // THREADS):
            started = time.perf_counter()
            with Connection(service.address) as mta:
                client = f"203.0.113.{number + 1}"
                play(mta, Submission(MAIL, client=client, recipients=("bob@example.net",)))
            times.append((time.perf_counter() - started) * 1000)

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=400)
    chosen = parser.parse_args()
    alone, beside = [], []
    with tempfile.TemporaryDirectory() as place:
        with Service(settings(Path(place) / "allow", 20)) as service:
            others(service, 200)
            for _ in range(chosen.rounds):
                alone.append(others(service, chosen.messages))
                with held(service):
                    beside.append(others(service, chosen.messages))
                wait_until(lambda: held_now(service) == 0, 60, "the last ones")
                print("alone  p50 {:.1f}  p99 {:.1f}".format(*alone[-1]), end="   ")
                print("beside {} held  p50 {:.1f}  p99 {:.1f}".format(HELD, *beside[-1]))
    for name, index in (("p50", 0), ("p99", 1)):
        before, after = (statistics.median(r[index] for r in rows) for rows in (alone, beside))
        print(f"{name} {before:.1f} -> {after:.1f} ms, {after / before - 1:+.0%}")


if __name__ == "__main__":
    main()
