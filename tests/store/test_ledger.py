from __future__ import annotations

from filterd.core.stores import LedgerDay
from filterd.store.ledger import as_days, delay_name, score_name


def test_counters_become_days() -> None:
    counters = [
        (20, "returned", 2),
        (20, "deferred", 5),
        (20, "d25", 1),
        (20, "d26", 1),
        (20, "s-3", 1),
        (20, "deferred", 1),  # another shard
        (19, "deferred", 1),
        (20, "ghost", 9),
        (20, "dx", 9),
        (20, "", 9),
    ]
    assert as_days(counters) == (
        LedgerDay(19, 1, 0),
        LedgerDay(20, 6, 2, {25: 1, 26: 1}, {-3: 1}),
    )


def test_names_of_counters() -> None:
    assert (delay_name(90), score_name(-2.5), score_name(7.9)) == ("d25", "s-3", "s7")
