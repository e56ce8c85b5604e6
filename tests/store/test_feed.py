"""Labels and models shared through a real Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from filterd.core.errors import StoreUnavailable
from filterd.core.labels import Kind, LabelEvent
from filterd.store.feed import PIECE, RedisFeed
from filterd.store.settings import StoreSettings

pytestmark = pytest.mark.redis

EVENT = LabelEvent(
    Kind.SPAM, 12.5, b"\x00\xff", "ann é", "mailbox", "name\nwith line", "source", 0.25
)


@pytest.fixture(params=["redis", "cluster"])
def feed(request: pytest.FixtureRequest, servers: Callable[[str], dict[str, Any]]) -> RedisFeed:
    name = "".join(c for c in request.node.name if c.isalnum())[:40]
    return RedisFeed(
        StoreSettings(kind="redis", prefix=name, timeout=1.0, **servers(request.param))
    )


def test_events_come_back_whole_and_in_order(feed: RedisFeed) -> None:
    other = LabelEvent(Kind.RETRACT, 20.0, user="ann", since=10.0)
    feed.put([(EVENT, b"mail\x00"), (other, b"")])
    first, second = feed.after("", 10)
    assert (first.event, first.copy) == (EVENT, b"mail\x00")
    assert (second.event, second.copy) == (other, b"")
    assert [fed.event for fed in feed.after(first.id, 10)] == [other]
    assert feed.after(second.id, 10) == []
    assert len(feed.after("", 1)) == 1


def test_news_are_events_behind_a_place_and_the_model(feed: RedisFeed) -> None:
    assert feed.news("") == (False, "")
    feed.put([(EVENT, b"")])
    feed.share_model("abc", {"manifest.toml": b"x"})
    assert feed.news("") == (True, "abc")
    assert feed.news(feed.after("", 1)[0].id) == (False, "abc")


def test_a_model_of_many_pieces_comes_back_whole(feed: RedisFeed) -> None:
    weights = bytes(range(256)) * (3 * PIECE // 256) + b"tail"
    files = {"weights.npy": weights, "manifest.toml": b"a = 1\n", "counts.npy": b""}
    feed.share_model("abc", files)
    feed.share_model("def", {"manifest.toml": b"b"})
    assert feed.model("abc") == files
    assert feed.model("none-such") == {}
    assert feed.news("")[1] == "def"


def test_a_server_that_is_gone_is_one_error() -> None:
    nowhere = SecretStr("redis://127.0.0.1:1/0")
    feed = RedisFeed(StoreSettings(kind="redis", url=nowhere, timeout=0.1))
    with pytest.raises(StoreUnavailable):
        feed.put([(EVENT, b"")])
