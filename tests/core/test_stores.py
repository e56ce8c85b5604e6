from __future__ import annotations

from filterd.core.stores import Standing, Terms


def test_who_must_wait() -> None:
    assert {standing for standing in Standing if standing.must_wait} == {
        Standing.FIRST,
        Standing.EARLY,
    }


def test_shipped_terms_catch_the_first_retry_of_nearly_everybody_and_stop_before_anybody_gives_up() -> (
    None
):
    terms = Terms()
    assert 60 <= terms.delay <= 120  # FIELD.md 4.4: first retries from 61 s on
    assert terms.window >= 31 * 60  # the most impatient large sender stops after 31 minutes
    assert terms.expiry >= 7 * 86400  # RFC 6647 5
