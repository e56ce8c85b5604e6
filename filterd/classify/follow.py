"""follow - what keeps the classifier of a machine up to date while mail flows.

Owns:   Follower.tick: labels that mailboxes dropped into the spool; labels and models of other machines.
Not here: when it is called (a thread of one worker, serve.rounds), how a label is learned (learner).
Rules of this file: one process of a machine does it at a time (a lock on the folder); what cannot be done
        now (store down) is left for the next tick and nothing is lost.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Mapping
from typing import IO

from filterd.classify import model as models
from filterd.classify.home import NONE, Home
from filterd.classify.learner import Learner
from filterd.classify.publish import put_in_force
from filterd.classify.spool import Spool
from filterd.core.clock import Clock
from filterd.core.errors import ConfigError, StoreUnavailable
from filterd.core.labels import JournalSession, LabelFeed

log = logging.getLogger("filterd.classify")

SPOOLED_AT_ONCE = 50  # messages of the spool in one tick: some 0.3 s
FILES = frozenset({"manifest.toml", "weights.npy", "counts.npy"})


class Follower:
    """One for each process; whoever holds the lock works."""

    def __init__(self, learner: Learner, clock: Clock) -> None:
        self._learner = learner
        self._home = learner.home
        self._clock = clock
        self._spool = Spool(self._home.spool)
        self._lock: IO[bytes] | None = None
        self._trouble = ""  # why labels wait
        self._refused = ""  # a shared model that cannot be used: said once

    def tick(self) -> int:
        """Learn what waits; how many labels that were."""
        if not self._is_elected():
            return 0
        try:
            done = self._learn_spooled() + self._follow_feed()
        except (StoreUnavailable, ConfigError, OSError) as error:
            if str(error) != self._trouble:  # once, not twice a second
                log.warning("labels wait: %s", error)
            self._trouble = str(error)
            return 0
        self._trouble = ""
        return done

    def close(self) -> None:
        """Let another process be elected."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _is_elected(self) -> bool:
        if self._lock is not None:
            return True
        if self._learner.feed is None and not self._home.spool.is_dir():
            return False
        try:
            self._home.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = (self._home.folder / "follow.lock").open("wb")
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _learn_spooled(self) -> int:
        waiting = self._spool.waiting(SPOOLED_AT_ONCE, self._clock.now())
        if not waiting:
            return 0
        self._learner.learn([one.said for one in waiting])
        for one in waiting:
            one.path.unlink(missing_ok=True)
        return len(waiting)

    def _follow_feed(self) -> int:
        feed = self._learner.feed
        if feed is None:
            return 0
        is_news, identity = feed.news(self._learner.last_fed())
        done = self._learner.sync() if is_news else 0
        if identity not in {"", self._refused} and identity != (self._home.current() or NONE):
            self._switch(feed, identity)
        return done

    def _switch(self, feed: LabelFeed, identity: str) -> None:
        try:
            if identity != NONE and not self._home.model_path(identity).is_dir():
                fetch(self._home, identity, feed.model(identity))
            put_in_force(
                self._home, identity, "fetched", self._clock.now(), self._position(identity)
            )
            self._learner.catch_up()
        except (ConfigError, OSError) as error:
            self._refused = identity
            log.error("shared model %s is not used: %s", identity, error)

    def _position(self, identity: str) -> int | None:
        return None if identity == NONE else position_here(self._learner, identity)


def position_here(learner: Learner, identity: str) -> int:
    """Up to where this machine's journal is in a shared model, whose own position is another's."""
    fed = models.load(learner.home.model_path(identity)).manifest.notes.get("fed", "")
    found = 0

    def work(session: JournalSession) -> None:
        nonlocal found
        found = session.position_of(fed)

    if fed:
        learner.journal.read(work)
    return found


def fetch(home: Home, identity: str, files: Mapping[str, bytes]) -> None:
    """Write a shared model's folder; ConfigError unless it is whole and verifies."""
    if not identity.isalnum() or len(identity) > 64:
        raise models.refused(home.models, f"the shared model's id {identity[:80]!r} is no id")
    fresh = home.models / f".fetched-{identity}-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o750, parents=True)
    try:
        for name in FILES & set(files):
            (fresh / name).write_bytes(files[name])
        if models.load(fresh).manifest.id != identity:
            raise models.refused(fresh, "the manifest has another id")
        fresh.rename(home.model_path(identity))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def share(feed: LabelFeed | None, home: Home, identity: str) -> None:
    """Make a published model the one in force on every machine; nothing without a feed."""
    if feed is None:
        return
    folder = home.model_path(identity)
    files: dict[str, bytes] = {}
    if identity != NONE:
        files = {
            name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()
        }
    feed.share_model(identity, files)
