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
    from filterd.classify.learner import Learner
    from filterd.store.labels import SqliteJournal

__all__ = ["open_classifier", "open_journal", "open_learner", "open_shipped", "shipped_model"]

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


def open_learner(settings: ClassifierSettings, state_dir: Path) -> Learner:
    """What writes labels; ConfigError when the folder cannot be made."""
    from filterd.classify.learner import Learner

    classifier = open_classifier(settings.model_copy(update={"enabled": True}), state_dir)
    home = Home(state_dir)
    try:
        home.prepare()
    except OSError as error:
        where = str(error.filename or home.folder)
        problem = ConfigProblem(where, "", f"cannot be written: {error.strerror}")
        raise ConfigError([problem]) from error
    model = None if classifier is None else classifier.shipped
    return Learner(settings, home, open_journal(state_dir), model)
