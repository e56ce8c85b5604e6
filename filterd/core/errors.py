"""errors - every exception that crosses a layer, the whole list.

Rules of this file: a library's exception never leaves its door; what leaves it is one of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class FilterdError(Exception):
    """Base of all errors that this program raises on purpose."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in a file an admin edits: where it is, what is wrong, what to do."""

    file: str
    where: str  # dotted key, or line:column
    message: str

    def __str__(self) -> str:
        place = f"{self.file}: " if self.file else ""
        return (
            f"{place}{self.where}: {self.message}" if self.where else f"{place}{self.message}"
        )


class ConfigError(FilterdError):
    """Settings, rules, lists or models that cannot be used; carries every problem found."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class StoreUnavailable(FilterdError):
    """The shared state did not answer within its time (outage, read-only, full disk)."""


class DeadlineExceeded(FilterdError):
    """The scan's time is used up; what has not been checked is a temperror."""
