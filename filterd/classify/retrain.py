"""retrain - fit anew, look hard, and publish only what does not harm ham.

Owns:   `retrain`, Retrained, the gate (rules below).
Rules of this file:
1. On ham that earlier models were tested on (the canary) and on the newest ham of this training set, the
   new model may not call more messages spam at 95 % than the one in force does.
2. The honest model, which never saw the newest ham, may not call more than HONEST of it spam at 95 %, nor
   more than DOUBTFUL at 50 %, unless the one in force calls as many: that one may have learned it already.
3. A model that fails is written down in the report, and is not published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterd.classify.canary import Canary, Kept
from filterd.classify.classifier import Scoring
from filterd.classify.fit import Progress
from filterd.classify.home import LiveClassifier
from filterd.classify.metrics import Figures, figures
from filterd.classify.model import Model
from filterd.classify.publish import manifest_of, put_in_force, store
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spill import TrainingSet
from filterd.classify.train import Trained, train
from filterd.core.errors import ConfigError, ConfigProblem

SURE = float(np.log(0.95 / 0.05))  # log odds of 95 %
DOUBT = 0.0  # log odds of 50 %
HONEST = 0.005  # of the newest ham, at least one message
DOUBTFUL = 0.05  # of the newest ham, at least two messages
FEWEST = 10  # messages of each class; fewer teach nothing and test nothing


@dataclass(frozen=True, slots=True)
class Gate:
    """What was counted before publishing: ham called spam at 95 %, and at 50 % (doubted)."""

    canary: int  # messages looked at under rule 1
    canary_before: int
    canary_after: int
    newest: int  # messages looked at under rule 2
    newest_before: int
    newest_honest: int
    doubted_before: int = 0
    doubted_honest: int = 0
    wronged: tuple[str, ...] = ()  # names of ham the new model wrongs and the old one does not

    @property
    def refusal(self) -> str:
        """Why the model may not be published; "" when it may."""
        if self.canary_after > self.canary_before:
            return (
                f"calls {self.canary_after} of {self.canary} known ham messages spam,"
                f" the model in force {self.canary_before}"
            )
        sure = max(1, int(HONEST * self.newest), self.newest_before)
        if self.newest_honest > sure:
            return self._newest(self.newest_honest, sure, "95 %")
        doubted = max(2, int(DOUBTFUL * self.newest), self.doubted_before)
        if self.doubted_honest > doubted:
            return self._newest(self.doubted_honest, doubted, "50 %")
        return ""

    def _newest(self, found: int, allowed: int, at: str) -> str:
        return (
            f"calls {found} of the {self.newest} newest ham messages spam (at {at}) when trained"
            f" without them; {allowed} would pass"
        )


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining found and did."""

    id: str  # of the new model
    is_published: bool
    was_in_force: str
    figures: Figures  # honest, on the newest fifth
    gate: Gate
    trained: Trained
    spam: int
    ham: int
    skipped: int = 0  # duplicates, or labels without a copy of the mail
    folder: str = ""


def retrain(
    examples: TrainingSet,
    settings: ClassifierSettings,
    classifier: LiveClassifier,
    *,
    journal_position: int,
    now: float,
    notes: dict[str, str],
    skipped: int = 0,
    is_dry: bool = False,
    is_forced: bool = False,
    share: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda: None,
) -> Retrained:
    """Fit, try, and publish if the gate lets it; ConfigError when there is too little mail.

    `share` is told the id before the model comes into force here, and may refuse by raising.
    """
    home, shipped = classifier.home, classifier.shipped
    is_spam = examples.is_spam
    spam = int(is_spam.sum())
    ham = len(examples) - spam
    if min(spam, ham) < FEWEST:
        message = (
            f"{spam} spam and {ham} ham are too few to train on; {FEWEST} of each are needed"
        )
        raise ConfigError([ConfigProblem("", "retrain", message)])
    trained = train(examples, np.arange(len(examples)), settings, shipped, progress)
    tried = trained.trial
    found = figures(is_spam[tried.numbers], tried.log_odds)
    before = classifier.refresh()
    after = Scoring(settings, shipped, trained.model)
    newest = tried.numbers[~is_spam[tried.numbers]]
    canary = Canary.load(home.canary)
    fresh = [Kept(examples.features(int(n)), examples.name(int(n))) for n in newest]
    gate = _gate(canary, fresh, before, after, tried.log_odds[~is_spam[tried.numbers]])
    manifest = manifest_of(
        trained.model,
        trained_on=_sources(examples),
        measured=_measured(found),
        journal_position=journal_position,
        notes=notes,
    )
    was = home.current() or "none"
    home.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    model: Model = store(home, trained.model, manifest, now)
    is_published = not is_dry and (is_forced or not gate.refusal)
    if is_published:
        share(model.manifest.id)
        put_in_force(home, model.manifest.id, "retrain", now)
        canary.with_slice(fresh).save(home.canary)
    return Retrained(
        id=model.manifest.id,
        is_published=is_published,
        was_in_force=was,
        figures=found,
        gate=gate,
        trained=trained,
        spam=spam,
        ham=ham,
        skipped=skipped,
        folder=str(home.model_path(model.manifest.id)),
    )


def _gate(
    canary: Canary,
    fresh: Sequence[Kept],
    before: Scoring,
    after: Scoring,
    honest: NDArray[np.float64],
) -> Gate:
    together = [*canary, *fresh]
    old = np.array([before.log_odds(kept.features) for kept in together])
    new = np.array([after.log_odds(kept.features) for kept in together])
    newest = old[len(canary) :]
    return Gate(
        canary=len(together),
        canary_before=int((old >= SURE).sum()),
        canary_after=int((new >= SURE).sum()),
        newest=len(fresh),
        newest_before=int((newest >= SURE).sum()),
        newest_honest=int((honest >= SURE).sum()),
        doubted_before=int((newest >= DOUBT).sum()),
        doubted_honest=int((honest >= DOUBT).sum()),
        wronged=tuple(
            kept.name
            for kept, was, now in zip(together, old, new, strict=True)
            if now >= SURE > was
        )[:20],
    )


def _sources(examples: TrainingSet) -> list[dict[str, str | int | float | bool]]:
    is_spam, source = examples.is_spam, examples.source
    found: list[dict[str, str | int | float | bool]] = []
    for number, name in enumerate(examples.sources[:500]):
        inside = source == number
        spam = int(is_spam[inside].sum())
        found.append({"source": name[:200], "spam": spam, "ham": int(inside.sum()) - spam})
    return found


def _measured(found: Figures) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in found.plain().items()
        if isinstance(value, int | float) and key != "messages_per_second"
    }
