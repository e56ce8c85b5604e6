"""classify - what the words and the build of a message say: features, models, learning.

Owns:   open_classifier. Scanning imports numpy and no scikit-learn; training is in fit, train, ship.
"""

from __future__ import annotations

from pathlib import Path

from filterd.classify.home import Home, LiveClassifier
from filterd.classify.model import load
from filterd.classify.settings import ClassifierSettings
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.shipped import shipped

__all__ = ["open_classifier", "shipped_model"]

SHIPPED = "ham-spam"


def shipped_model(settings: ClassifierSettings) -> Path:
    """The folder of the shipped model."""
    return settings.model or shipped("models") / SHIPPED


def open_classifier(settings: ClassifierSettings, state_dir: Path) -> LiveClassifier | None:
    """The classifier in force; None when switched off.

    A shipped model that is missing or corrupt is named in `.problems`: the filter goes on with local
    labels alone.
    """
    if not settings.enabled:
        return None
    problems: tuple[ConfigProblem, ...] = ()
    try:
        model = load(shipped_model(settings))
    except ConfigError as error:
        model, problems = None, error.problems
    classifier = LiveClassifier(settings, Home(state_dir), model)
    classifier.problems = problems + classifier.problems
    return classifier
