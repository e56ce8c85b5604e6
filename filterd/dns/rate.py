"""rate - how much a DNS list lists of what it is asked about, usually and of late.

Owns:   Rate: two decaying means of one zone, each subject counted once in a while.
Not here: what is done about a jump (watch.py). Not thread-safe.
"""

from __future__ import annotations

from collections import OrderedDict

LEARNED = 200  # subjects before a rate means anything
SLOW, FAST = 1 / 1000, 1 / 40  # weights of one subject in the usual and the recent rate
REMEMBERED = 256  # last subjects: one client's ten connections count once


class Rate:
    """The rates of one zone; shares of 1."""

    __slots__ = ("_subjects", "listed", "recent", "subjects", "usual")

    def __init__(self) -> None:
        self.usual = 0.0
        self.recent = 0.0
        self.subjects = 0  # counted
        self.listed = 0  # of them
        self._subjects: OrderedDict[str, None] = (
            OrderedDict()
        )  # the last ones, the latest at the end

    def count(self, subject: str, *, is_listed: bool) -> bool:
        """Count a subject, whether it was listed; False for one that was counted lately."""
        known = self._subjects
        if subject in known:
            known.move_to_end(subject)
            return False
        known[subject] = None
        if len(known) > REMEMBERED:
            known.popitem(last=False)
        self.subjects += 1
        self.listed += is_listed
        value = 1.0 if is_listed else 0.0
        # A mean at first, then a decaying one: early subjects must not weigh for ever.
        share = 1 / self.subjects
        self.usual += (value - self.usual) * max(SLOW, share)
        self.recent += (value - self.recent) * max(FAST, share)
        return True

    @property
    def rise(self) -> float:
        """How far the recent rate lies over the usual one; 0 until that is learned."""
        return self.recent - self.usual if self.subjects >= LEARNED else 0.0

    def settle(self) -> None:
        """From now on the recent rate is the usual one."""
        self.usual = self.recent
