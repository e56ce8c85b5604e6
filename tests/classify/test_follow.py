"""Machines that share labels and models come to the same mind; a spool is worked off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from filterd.classify import open_classifier, open_journal, open_shipped
from filterd.classify.follow import Follower, fetch, share
from filterd.classify.home import Home
from filterd.classify.learner import Learner, Outcome, Said
from filterd.classify.publish import put_in_force
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spool import Spool
from filterd.core.clock import FixedClock
from filterd.core.errors import ConfigError, StoreUnavailable
from filterd.core.labels import Fed, Kind, LabelEvent
from filterd.mail.message import Message
from filterd.store.labels import SqliteJournal
from tests.classify.mailbox import a_mail
from tests.classify.test_publish import a_model

SETTINGS = ClassifierSettings()
SPAM = Message.from_bytes(a_mail(1, is_spam=True))
HAM = Message.from_bytes(a_mail(1, is_spam=False))


class SharedFeed:
    """The common order, in memory."""

    def __init__(self) -> None:
        self.fed: list[Fed] = []
        self.files: dict[str, Mapping[str, bytes]] = {}
        self.current = ""
        self.is_down = False

    def _up(self) -> None:
        if self.is_down:
            raise StoreUnavailable("down")

    def put(self, said: Sequence[tuple[LabelEvent, bytes]]) -> None:
        self._up()
        for event, copy in said:
            self.fed.append(Fed(f"1-{len(self.fed) + 1}", event, copy))

    def after(self, identifier: str, limit: int) -> Sequence[Fed]:
        self._up()
        start = int(identifier.partition("-")[2] or 0)
        return self.fed[start : start + limit]

    def news(self, identifier: str) -> tuple[bool, str]:
        return bool(self.after(identifier, 1)), self.current

    def share_model(self, identifier: str, files: Mapping[str, bytes]) -> None:
        self._up()
        self.files[identifier] = files
        self.current = identifier

    def model(self, identifier: str) -> Mapping[str, bytes]:
        return self.files.get(identifier, {})

    def close(self) -> None:
        """Nothing to close."""


def a_learner(folder: Path, feed: SharedFeed | None = None) -> Learner:
    shipped = open_shipped(SETTINGS)
    return Learner(SETTINGS, Home(folder), open_journal_in(folder), shipped, feed)


def open_journal_in(folder: Path) -> SqliteJournal:
    Home(folder).prepare()
    return open_journal(folder)


def points(folder: Path, message: Message) -> float:
    classifier = open_classifier(SETTINGS, folder)
    assert classifier is not None
    opinion = classifier.classify(message)
    assert opinion is not None
    return opinion.points


def test_a_label_said_here_holds_there_after_one_tick(tmp_path: Path) -> None:
    feed = SharedFeed()
    here, there = a_learner(tmp_path / "a", feed), a_learner(tmp_path / "b", feed)
    assert here.learn([Said(SPAM, Kind.SPAM, 1.0)]) == [Outcome.LEARNED]
    assert Follower(there, FixedClock()).tick() == 1
    assert points(tmp_path / "b", SPAM) == pytest.approx(points(tmp_path / "a", SPAM))
    assert points(tmp_path / "b", SPAM) > 0


def test_the_last_word_wins_wherever_it_was_said(tmp_path: Path) -> None:
    feed = SharedFeed()
    here, there = a_learner(tmp_path / "a", feed), a_learner(tmp_path / "b", feed)
    here.learn([Said(SPAM, Kind.SPAM, 1.0)])
    assert there.learn([Said(SPAM, Kind.HAM, 2.0)]) == [Outcome.CHANGED]
    assert there.learn([Said(SPAM, Kind.HAM, 3.0)]) == [Outcome.KNOWN]
    Follower(here, FixedClock()).tick()
    assert points(tmp_path / "a", SPAM) < 0
    assert points(tmp_path / "b", SPAM) < 0


def test_unlearning_and_forgetting_travel_too(tmp_path: Path) -> None:
    feed = SharedFeed()
    here, there = a_learner(tmp_path / "a", feed), a_learner(tmp_path / "b", feed)
    there.learn(
        [Said(HAM, Kind.SPAM, 1.0, user="mallory"), Said(SPAM, Kind.SPAM, 1.0, user="ann")]
    )
    assert here.unlearn("mallory", since=0.0, at=5.0) == 1
    here.learn([Said(SPAM, Kind.FORGET, 6.0)])
    Follower(there, FixedClock()).tick()
    assert list(there.journal.standing()) == []


def test_a_feed_that_is_down_learns_nothing_and_says_so(tmp_path: Path) -> None:
    feed = SharedFeed()
    learner = a_learner(tmp_path, feed)
    feed.is_down = True
    with pytest.raises(StoreUnavailable):
        learner.learn([Said(SPAM, Kind.SPAM, 1.0)])
    assert Follower(learner, FixedClock()).tick() == 0
    feed.is_down = False
    assert learner.learn([Said(SPAM, Kind.SPAM, 1.0)]) == [Outcome.LEARNED]


def test_a_model_published_here_comes_into_force_there(tmp_path: Path) -> None:
    feed = SharedFeed()
    home = Home(tmp_path / "a")
    identity = a_model(home, 1)
    share(feed, home, identity)
    put_in_force(home, identity, "retrain", 1e9)
    there = a_learner(tmp_path / "b", feed)
    there.learn([Said(SPAM, Kind.SPAM, 1.0)])
    follower = Follower(there, FixedClock())
    follower.tick()
    assert there.home.current() == identity
    assert len(list(there.journal.standing())) == 1  # labels outlive the switch
    share(feed, home, "none")
    follower.tick()
    assert there.home.current() == "none"


def test_a_damaged_shared_model_is_refused_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = SharedFeed()
    home = Home(tmp_path / "a")
    identity = a_model(home, 1)
    share(feed, home, identity)
    broken = dict(feed.files[identity])
    broken["weights.npy"] = broken["weights.npy"][:-4]
    feed.files[identity] = broken
    follower = Follower(a_learner(tmp_path / "b", feed), FixedClock())
    follower.tick()
    follower.tick()
    assert Home(tmp_path / "b").current() == "none"
    assert caplog.text.count("is not used") == 1


@pytest.mark.parametrize("identity", ["../../x", "", "a" * 65])
def test_an_id_that_is_no_id_is_not_written(tmp_path: Path, identity: str) -> None:
    with pytest.raises(ConfigError):
        fetch(Home(tmp_path), identity, {})


def test_the_spool_is_learned_and_emptied(tmp_path: Path) -> None:
    learner = a_learner(tmp_path)
    spool = Spool(learner.home.spool)
    spool.drop(Kind.SPAM, "ann", SPAM.raw)
    spool.drop(Kind.HAM, "bob", HAM.raw)
    follower = Follower(learner, FixedClock())
    assert follower.tick() == 2
    assert follower.tick() == 0
    assert points(tmp_path, SPAM) > 0 > points(tmp_path, HAM)
    assert learner.unlearn("ann", since=0.0, at=2e9) == 1


def test_the_spool_waits_while_labels_cannot_be_shared(tmp_path: Path) -> None:
    feed = SharedFeed()
    learner = a_learner(tmp_path, feed)
    Spool(learner.home.spool).drop(Kind.SPAM, "ann", SPAM.raw)
    follower = Follower(learner, FixedClock())
    feed.is_down = True
    assert follower.tick() == 0
    feed.is_down = False
    assert follower.tick() == 1


def test_one_process_of_a_machine_works(tmp_path: Path) -> None:
    learner = a_learner(tmp_path)
    spool = Spool(learner.home.spool)
    spool.drop(Kind.SPAM, "ann", SPAM.raw)
    first, second = Follower(learner, FixedClock()), Follower(a_learner(tmp_path), FixedClock())
    assert first.tick() == 1
    spool.drop(Kind.HAM, "ann", HAM.raw)
    assert second.tick() == 0
    first.close()
    assert second.tick() == 1
