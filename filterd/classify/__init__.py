"""classify - what the words and the build of a message say: features, models, learning.

Owns:   open_classifier, open_learner. Scanning imports numpy and no scikit-learn; training is in fit, train, ship.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from filterd.classify.home import Home, LiveClassifier
from filterd.classify.model import Model, load
from filterd.classify.settings import ClassifierSettings
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.shipped import shipped

if TYPE_CHECKING:
    from filterd.classify.follow import Follower
    from filterd.classify.learner import Learner
    from filterd.core.clock import Clock
    from filterd.core.labels import LabelFeed
    from filterd.store.labels import SqliteJournal
    from filterd.store.settings import StoreSettings

__all__ = [
    "open_classifier",
    "open_feed",
    "open_follower",
    "open_journal",
    "open_learner",
    "open_shipped",
    "shipped_model",
]

SHIPPED = "ham-spam"


def shipped_model(settings: ClassifierSettings) -> Path:
    """The folder of the shipped model."""
    return settings.model or shipped("models") / SHIPPED


def open_shipped(settings: ClassifierSettings) -> Model:
    """The shipped model; ConfigError when it is missing or corrupt."""
    return load(shipped_model(settings))


def open_classifier(settings: ClassifierSettings, state_dir: Path) -> LiveClassifier | None:
    """The classifier in force; None when switched off.

    A shipped model that is missing or corrupt is named in `.problems`: the filter goes on with local
    labels alone.
    """
    if not settings.enabled:
        return None
    problems: tuple[ConfigProblem, ...] = ()
    try:
        model: Model | None = open_shipped(settings)
    except ConfigError as error:
        model, problems = None, error.problems
    classifier = LiveClassifier(settings, Home(state_dir), model)
    classifier.problems = problems + classifier.problems
    return classifier


def open_journal(state_dir: Path) -> SqliteJournal:
    """The label journal of this machine."""
    from filterd.store.labels import SqliteJournal

    return SqliteJournal(Home(state_dir).journal)


def open_learner(
    settings: ClassifierSettings, state_dir: Path, store: StoreSettings | None = None
) -> Learner:
    """What writes labels; ConfigError when the folder cannot be made.

    With `store` settings of kind redis, labels are shared between machines.
    """
    learner = _learner(settings, state_dir, store)
    try:
        learner.home.prepare()
    except OSError as error:
        where = str(error.filename or learner.home.folder)
        problem = ConfigProblem(where, "", f"cannot be written: {error.strerror}")
        raise ConfigError([problem]) from error
    return learner


def _learner(
    settings: ClassifierSettings,
    state_dir: Path,
    store: StoreSettings | None,
    classifier: LiveClassifier | None = None,
) -> Learner:
    from filterd.classify.learner import Learner

    if classifier is None:
        classifier = open_classifier(settings.model_copy(update={"enabled": True}), state_dir)
    model = None if classifier is None else classifier.shipped
    journal = open_journal(state_dir)
    return Learner(settings, Home(state_dir), journal, model, open_feed(store))


def open_feed(store: StoreSettings | None) -> LabelFeed | None:
    """Labels shared between machines; None where each machine has its own."""
    if store is None or store.kind != "redis":
        return None
    from filterd.store.feed import RedisFeed

    return RedisFeed(store)


def open_follower(
    settings: ClassifierSettings,
    state_dir: Path,
    store: StoreSettings,
    clock: Clock,
    *,
    classifier: LiveClassifier | None = None,
) -> Follower:
    """What keeps this machine's classifier up to date; call its `tick` twice a second.

    A `classifier` that is open already spares reading the shipped model again.
    """
    from filterd.classify.follow import Follower

    return Follower(_learner(settings, state_dir, store, classifier), clock)
