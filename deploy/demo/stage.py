"""stage - plays the scenes: sends each message through the private Postfix and watches what it gets.

Owns:   main, Stage (Postfix, service, nameserver and last hop together), the table.
Not here: the messages and what is expected of them (scenes.py).
"""

from __future__ import annotations

import argparse
import json
import re
import smtplib
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.demo.nameserver import Nameserver
from deploy.demo.postfix import MtaUnavailableError, PrivatePostfix, wait_until
from deploy.demo.scenes import SCENES, SETTINGS, Result, Scene, zone
from deploy.demo.service import ROOT, Service
from deploy.demo.sink import Delivery, SmtpSink

SECONDS = 30.0
SHOWN_FIELDS = ("Authentication-Results", "X-Spam-Flag", "X-Spam-Status", "X-Greylist")
METHOD = re.compile(r";\s*([a-z-]+=[a-z]+)")


@dataclass(slots=True)
class Stage:
    """Everything that runs while the scenes are played."""

    mta: PrivatePostfix
    service: Service
    sink: SmtpSink

    def play(self, scene: Scene) -> Result:
        """Do what comes before, send the message, and gather every trace it leaves."""
        if scene.learn is not None:
            self._learn(*scene.learn)
        if scene.wait:
            time.sleep(scene.wait)
        logged, delivered = len(self._verdicts()), len(self.sink.deliveries)
        started = time.monotonic()
        reply = self._send(scene)
        seconds = time.monotonic() - started
        wait_until(lambda: len(self._verdicts()) > logged, SECONDS, f"the log: {scene.title}")
        verdict = self._verdicts()[-1]
        delivery: Delivery | None = None
        if reply.startswith("250") and verdict["action"] != "quarantine":
            delivery = self.sink.wait(delivered + 1, SECONDS)[-1]
        return Result(reply, seconds, verdict, delivery)

    def _send(self, scene: Scene) -> str:
        """The SMTP reply that decided, with its code."""
        with smtplib.SMTP("127.0.0.1", self.mta.port, timeout=SECONDS) as session:
            session.ehlo("localhost")
            sender = scene.sender
            login = f" LOGIN={sender.login}" if sender.login else ""
            session.docmd("XCLIENT", f"ADDR={sender.client} NAME={sender.name}{login}")
            session.ehlo(sender.helo)
            for command in (
                f"MAIL FROM:<{sender.reverse_path}>",
                *(f"RCPT TO:<{one}>" for one in scene.recipients),
            ):
                code, text = session.docmd(command)
                if code != 250:
                    return f"{code} {text.decode('utf-8', 'replace')}"
            code, text = session.data(scene.content())
            return f"{code} {text.decode('utf-8', 'replace')}"

    def _learn(self, kind: str, contents: Sequence[bytes]) -> None:
        """`filterd learn spam|ham FILE...`, as an admin or Dovecot does it."""
        folder = self.service.folder / f"learn-{kind}"
        folder.mkdir(exist_ok=True)
        files = []
        for number, content in enumerate(contents):
            files.append(folder / f"{number}.eml")
            files[-1].write_bytes(content)
        subprocess.run(
            [sys.executable, "-m", "filterd", "learn", kind, *map(str, files)],
            check=True,
            cwd=ROOT,
            timeout=SECONDS,
            stdout=subprocess.DEVNULL,
            env={
                **self.service.environment(),
                "FILTERD_CONFIG": str(self.service.config_file),
            },
        )

    def _verdicts(self) -> list[dict[str, object]]:
        """The lines of the log about messages, parsed."""
        lines = (line for line in self.service.log().splitlines() if line.startswith("{"))
        return [entry for entry in map(json.loads, lines) if "action" in entry]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play all scenes; 0 when each message had the outcome that its scene expects."""
    parser = argparse.ArgumentParser(prog="deploy/run --demo", description=__doc__)
    parser.add_argument("--keep-log", type=Path, help="write the service's log to this file")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    try:
        return _play(console, options.keep_log)
    except (MtaUnavailableError, TimeoutError, RuntimeError) as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1


def _play(console: Console, keep_log: Path | None) -> int:
    with SmtpSink() as sink, Nameserver(zone()) as nameserver:
        mta = PrivatePostfix(sink.port)
        service = Service(SETTINGS, nameserver=nameserver.address)
        mta.set(smtpd_milters=service.postfix)
        console.print(
            f"filterd on {service.postfix}, Postfix on 127.0.0.1:{mta.port}, DNS on"
            f" {nameserver.address}; everything below {service.folder.parent}.",
            highlight=False,
        )
        try:
            mta.start()
            service.start()
            stage = Stage(mta, service, sink)
            results = [(scene, stage.play(scene)) for scene in SCENES]
        finally:
            if keep_log is not None:
                keep_log.write_text(service.log())
            mta.close()
            service.close()
    console.print(table(results))
    failed = [scene.title for scene, result in results if scene.complaint(result)]
    if failed:
        console.print(f"Not as expected: {', '.join(failed)}", style="bold red")
        return 1
    console.print(f"All {len(results)} messages had the outcome expected of them.")
    return 0


def table(results: Sequence[tuple[Scene, Result]]) -> Table:
    """What was sent, what Postfix answered, what was added, and why."""
    shown = Table(box=box.SIMPLE_HEAD, show_lines=True, pad_edge=False)
    shown.add_column("", width=1)
    shown.add_column("Sent", ratio=3)
    shown.add_column("Postfix said", ratio=3)
    shown.add_column("Fields added", ratio=4)
    shown.add_column("Why", ratio=4)
    for scene, result in results:
        complaint = scene.complaint(result)
        shown.add_row(
            "[red]✗[/]" if complaint else "[green]✓[/]",
            f"[bold]{escape(scene.title)}[/]\nfrom {escape(scene.sender.reverse_path)}"
            f" at {scene.sender.client}",
            escape(result.reply)
            + (f"\n({result.seconds:.1f} s)" if result.seconds > 1 else ""),
            escape("\n".join(_added(result))),
            escape(complaint or _why(result)),
        )
    return shown


def _added(result: Result) -> list[str]:
    if result.delivery is None:
        return ["-"]
    return [
        f"{name}: {_short(name, body)}"
        for name in SHOWN_FIELDS
        for body in result.delivery.fields(name)[:1]
    ]


def _short(name: str, body: str) -> str:
    """What fits a table: methods with their results, the score without its parts."""
    if name == "Authentication-Results":
        return f"{body.partition(';')[0]}; {' '.join(METHOD.findall(body))} ..."
    head, tests, rest = body.partition("tests=")
    return f"{head}... {rest[rest.index(' action=') + 1 :]}" if tests else body


def _why(result: Result) -> str:
    verdict = result.verdict
    rules = verdict.get("rules") or ()
    assert isinstance(rules, list | tuple | dict)
    names = ", ".join(
        _rule(rule) for rule in (rules.items() if isinstance(rules, dict) else rules)
    )
    by = str(verdict.get("by") or "").replace("?", " ")  # as the log writes spaces
    head = f"{verdict['action']}" + (f" by {by}" if by else "")
    return f"{head}\n{names}\nwhy={verdict['why']}"


def _rule(rule: object) -> str:
    match rule:
        case [str(symbol), int() | float() as points] | (
            str(symbol),
            int() | float() as points,
        ):
            return f"{symbol} {points:+g}" if points else symbol
        case _:
            return str(rule)
