from __future__ import annotations

from filterd.core.stores import Bucket
from filterd.store.glimpse import MAX_FOLLOWED, Glimpses


def a_bucket(name: str = "a") -> Bucket:
    return Bucket(name, limit=1, period=60, burst=10)


def test_only_what_was_asked_for_is_followed() -> None:
    glimpses = Glimpses()
    glimpses.note(a_bucket().key, (5, 0))
    assert glimpses.look(a_bucket(), 0) == 0
    glimpses.note(a_bucket().key, (5, 0))
    assert glimpses.look(a_bucket(), 60) == 4


def test_the_bucket_followed_longest_gives_way() -> None:
    glimpses = Glimpses()
    for n in range(MAX_FOLLOWED + 1):
        glimpses.look(a_bucket(str(n)), 0)
    glimpses.note("0", (5, 0))
    glimpses.note(str(MAX_FOLLOWED), (6, 0))
    assert glimpses.look(a_bucket(str(MAX_FOLLOWED)), 0) == 6
    assert glimpses.look(a_bucket("0"), 0) == 0


def test_what_was_added_counts_before_the_store_has_said_so() -> None:
    glimpses = Glimpses()
    glimpses.added(a_bucket("not followed"), 1, 0)
    assert glimpses.look(a_bucket(), 0) == 0
    glimpses.added(a_bucket(), 3, 0)
    glimpses.added(a_bucket(), 3, 120)
    assert glimpses.look(a_bucket(), 120) == 4
