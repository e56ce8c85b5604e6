"""The table in deploy/README.md is what the replay gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.greylist_replay import HEADER, Mail, Ours, policies, read, replay, retries
from tests.support.shared import shared_path

README = Path(__file__).parents[2] / "deploy" / "README.md"
REPLAYED = (
    "naive",
    "postgrey",
    "as shipped",
)  # the others take as long again and differ by a switch


@pytest.mark.slow
@pytest.mark.benchmark
def test_the_published_table_is_the_measured_one() -> None:
    stream = read(shared_path("corpora/envelopes.tsv.gz"))
    published = README.read_text()
    assert HEADER in published
    for name, policy in policies(stream):
        if any(word in name for word in REPLAYED):
            assert replay(stream, name, policy).row() in published


def test_retries_come_at_the_published_times_and_end() -> None:
    assert [round(t) for t in retries("hotmail.com", 0)][:3] == [61, 183, 427]
    assert max(retries("aol.com", 0)) <= 1892
    assert next(retries("elsewhere.example", 100.0)) == 400.0


def test_a_pool_that_retries_from_its_next_client_passes_by_its_network() -> None:
    pool = [f"192.0.2.{n}" for n in range(1, 5)]
    stream = [
        Mail(
            n,
            True,
            client,
            f"out{n}.pool.example",
            "bare",
            "a@pool.example",
            "b@x.example",
            n * 1e4,
        )
        for n, client in enumerate(pool)
    ]
    names = {mail.client: mail.name for mail in stream}
    found = replay(stream, "ours", Ours(names, when="always"))
    assert (found.ham, found.ham_lost) == (4, 0)
    assert found.ham_deferred == 1
