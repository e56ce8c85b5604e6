"""home - the classifier's folder in state_dir, and the classifier that follows what happens there.

Owns:   Home (which files there are), LiveClassifier (core.check.Classifier).
A file `current` names the published model in force ("none" without one); the live weights belong to
it. Whoever publishes replaces `current` last, so one stat a message tells every worker when to map
anew: no signal, no restart, no dropped connection.
"""

from __future__ import annotations

import os
from pathlib import Path

from filterd.classify.classifier import Scoring
from filterd.classify.features import extract
from filterd.classify.live import LiveModel
from filterd.classify.model import Model
from filterd.classify.settings import ClassifierSettings
from filterd.core.check import Opinion
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.ownership import hand_over
from filterd.core.transaction import Transaction
from filterd.mail.message import Message

NONE = "none"


class Home:
    """state_dir/classifier: `current`, `live-ID.weights`, `models/ID/`, `journal.sqlite`, ...."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "classifier"
        self.pointer = self.folder / "current"
        self.models = self.folder / "models"
        self.journal = self.folder / "journal.sqlite"
        self.spool = self.folder / "spool"
        self.history = self.folder / "history.jsonl"
        self.canary = self.folder / "canary.npz"
        self.rehearsal = self.folder / "rehearsal.slots"

    def current(self) -> str | None:
        """The id of the published model in force, "none" for labels alone, None before any label."""
        try:
            text = self.pointer.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return None
        return text if text.isalnum() and len(text) <= 64 else NONE

    def live_path(self, identity: str) -> Path:
        """The live weights that belong to a model."""
        return self.folder / f"live-{identity}.weights"

    def model_path(self, identity: str) -> Path:
        """The folder of a published model."""
        return self.models / identity

    def point(self, identity: str) -> None:
        """Put a model in force; workers follow with their next message."""
        fresh = self.pointer.with_name(f".current.{os.getpid()}")
        fresh.write_text(identity + "\n", encoding="ascii")
        hand_over(self.folder)  # a worker reads what root's command made at the next message
        fresh.replace(self.pointer)

    def prepare(self) -> str:
        """Make the folder and empty live weights if there are none yet; the id in force."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        identity = self.current() or NONE
        if not self.live_path(identity).exists():
            LiveModel.create(self.live_path(identity))
        if self.current() is None:
            self.point(identity)
        return identity


class LiveClassifier:
    """The shipped model and the live weights in force; cheap to make before a fork."""

    def __init__(self, settings: ClassifierSettings, home: Home, shipped: Model | None) -> None:
        self.settings = settings
        self.home = home
        self.shipped = shipped
        self.problems: tuple[ConfigProblem, ...] = ()  # of the live weights, when unusable
        self._seen: tuple[int, int] | None = None
        self._scoring = Scoring(settings, shipped, None)
        self.refresh()

    def refresh(self) -> Scoring:
        """What is in force now; maps the live weights anew when `current` was replaced."""
        try:
            stat = os.stat(self.home.pointer)  # noqa: PTH116 - half the cost of Path.stat, each message
            seen = (stat.st_ino, stat.st_mtime_ns)
        except OSError:
            seen = None
        if seen != self._seen:
            self._scoring = Scoring(self.settings, self.shipped, self._open())
            self._seen = seen
        return self._scoring

    def _open(self) -> LiveModel | None:
        identity = self.home.current()
        if identity is None:
            return None
        try:
            live = LiveModel.open(self.home.live_path(identity))
        except ConfigError as error:
            self.problems = error.problems
            return None
        self.problems = ()
        return live

    @property
    def summary(self) -> str:
        """Which models answer, as status shows it."""
        shipped = (
            f"shipped {self.shipped.manifest.id}"
            if self.shipped is not None
            else "none shipped"
        )
        live = self._scoring.live
        if live is None:
            return f"{shipped}, not taught here"
        return f"{shipped}, taught here {live.spam} spam and {live.ham} ham at the last reload"

    def classify(self, message: Message, tx: Transaction | None = None) -> Opinion | None:
        """The opinion on a message; None without any model."""
        scoring = self.refresh()
        if scoring.shipped is None and scoring.is_local_empty:
            return None
        return scoring.opinion(extract(message, is_local=not scoring.is_local_empty))
