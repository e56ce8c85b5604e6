"""budget - what each part of a scan costs, in microseconds of a machine of known speed.

usage: python -m tests.benchmarks.budget     (prints budget.toml anew; commit it with the reason)

The whole chain scans the mail of `load.corpus` in one thread, DNS answers at hand, stores in memory. The parts
are the scanner's own spans: one for each check, "scan" is all of it. A part's cost is the mean over messages of
its least over rounds; the yardstick, a loop of plain Python, is measured between the rounds, and the costs are
given for a machine on which it takes YARDSTICK.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path

from filterd.app import App
from filterd.config.load import load
from filterd.scan.submit import submission
from tests.benchmarks.load import corpus
from tests.support.speed import YARDSTICK, yardstick

BUDGET = Path(__file__).with_name("budget.toml")
MESSAGES = 40
ROUNDS = 5


def costs() -> dict[str, float]:
    """Microseconds a message by part, for a machine of YARDSTICK."""
    mail, zone = corpus(MESSAGES)
    submissions = [
        submission(
            item.content,
            client=item.client,
            client_name=item.client_name,
            helo=item.helo,
            mail_from=item.sender,
            recipients=(item.recipient,),
        )
        for item in mail
    ]
    least: dict[tuple[int, str], float] = defaultdict(lambda: float("inf"))
    speeds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            None, {"state_dir": folder, "checks.greylist.enabled": "false"}
        ).settings
        with App().build_scanner(settings, zone=zone, state="memory") as scanner:
            for _ in range(ROUNDS):
                speeds.append(yardstick())
                for number, each in enumerate(submissions):
                    started = time.thread_time()
                    verdict = scanner.scan(each)
                    spent = {"scan": (time.thread_time() - started) * 1e6}
                    for span in verdict.spans:
                        spent[span.name] = spent.get(span.name, 0.0) + span.milliseconds * 1e3
                    for name, micros in spent.items():
                        least[number, name] = min(least[number, name], micros)
    total: dict[str, float] = defaultdict(float)
    for (_, name), micros in least.items():
        total[name] += micros
    speed = YARDSTICK / min(speeds)
    return {name: micros / MESSAGES * speed for name, micros in total.items()}


def main() -> None:
    head = BUDGET.read_text().partition("[parts]")[0] if BUDGET.exists() else ""
    lines = [
        f"{name} = {max(10, round(micros, -1)):.0f}" for name, micros in sorted(costs().items())
    ]
    BUDGET.write_text(head + "[parts]\n" + "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
