"""Rules written as SpamAssassin writes them, and what they hit."""

from __future__ import annotations

from typing import Any

from filterd.ruleset.spamassassin.program import Program
from filterd.ruleset.spamassassin.source import Imported, read_text
from filterd.ruleset.spamassassin.view import View
from tests.support.builders import a_transaction


def imported(text: str, file: str = "my.cf") -> Imported:
    into = Imported()
    read_text(text.encode("latin-1"), file, into)
    return into


def compiled(text: str, steps: int = 20_000) -> Program:
    return Program(imported(text), column=0, steps=steps)


def hits(text: str, **facts: Any) -> dict[str, float]:
    return compiled(text).match(a_transaction(**facts))


def reports(text: str) -> list[str]:
    """What was lost, as lines; compiled too."""
    return [str(report) for report in compiled(text).imported.reports if not report.is_note]


def view(message: str | bytes, **facts: Any) -> View:
    return View(a_transaction(message=message, **facts))
