from __future__ import annotations

from filterd.core.stores import Bucket
from filterd.store.glimpse import MAX_FOLLOWED, Glimpses


def a_bucket(name: str = "a") -> Bucket:
    return Bucket(name, limit=1, period=60, burst=10)


def test_only_what_was_asked_for_is_followed() -> None:
    glimpses = Glimpses()
    glimpses.note([a_bucket()], [5], 0)
    assert glimpses.look(a_bucket(), 0) == 0
    glimpses.note([a_bucket()], [5], 0)
    assert glimpses.look(a_bucket(), 60) == 4


def test_the_bucket_followed_longest_gives_way() -> None:
    glimpses = Glimpses()
    for n in range(MAX_FOLLOWED + 1):
        glimpses.look(a_bucket(str(n)), 0)
    glimpses.note([a_bucket("0"), a_bucket(str(MAX_FOLLOWED))], [5, 6], 0)
    assert glimpses.look(a_bucket(str(MAX_FOLLOWED)), 0) == 6
    assert glimpses.look(a_bucket("0"), 0) == 0
