"""observing - the greylist of observe mode: asked, and left as it is.

Owns:   Unrecorded.
A first attempt that nobody turned away is no attempt: the sender has its answer and will not come back.
Were it recorded, the next message of that sender would pass for its retry once the mode is enforce, five
of them would allow the whole network, and the report would tell of retries that never came. So every
message of a stranger is told to be one, which is more than enforcing would ask to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from filterd.core.stores import Greylisted, GreylistStore, LedgerDay, Terms


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A GreylistStore that only looks."""

    store: GreylistStore

    def attempt(
        self, client: str, deliveries: Sequence[str], now: float, terms: Terms
    ) -> Greylisted:
        return self.store.look(client, deliveries, now, terms)

    look = attempt

    def content(self, first_seen: float, score: float) -> None:
        """Nothing came back."""

    def ledger(self, since: float) -> Sequence[LedgerDay]:
        return self.store.ledger(since)
