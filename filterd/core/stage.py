"""stage - the moments of an SMTP transaction at which facts arrive.

Owns:   Stage, ordered as the facts become known (RFC 5321 3.3; libmilter callbacks).
"""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """When a fact exists, or when a check may answer; earlier stages compare smaller."""

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    HEADER = 4
    EOM = 5

    word: str  # "connect", ... for people, records and metrics

    def __init__(self, _rank: int) -> None:
        self.word = self._name_.lower()
