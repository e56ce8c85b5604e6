"""publish - a fitted model becomes the one in force, or an earlier one does again.

Owns:   `publish`, `rollback`, `published` (the list), which models are kept.
A model folder is complete before it has its name; live weights are made from it and brought up to the
journal; `current` changes last. A worker therefore sees the old model or the new one, never a half.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from filterd.classify import manifest as manifests
from filterd.classify import model as models
from filterd.classify.features import LOCAL_VIEWS, VERSION
from filterd.classify.home import NONE, Home
from filterd.classify.live import LiveModel
from filterd.classify.local import BITS, Fitted
from filterd.classify.manifest import ArrayFile, Calibration, Manifest
from filterd.classify.model import Model
from filterd.core.errors import ConfigError, ConfigProblem

KEPT = 5  # published models besides the one in force; each has some 10 MB


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history: this model came into force then."""

    at: str  # ISO 8601, UTC
    id: str
    by: str  # "retrain", "rollback", "fetched"


def history(home: Home) -> list[Entry]:
    """What was in force, oldest first."""
    try:
        lines = home.history.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            continue  # a torn last line after a crash
    return found


def published(home: Home) -> list[tuple[str, Manifest]]:
    """Every model that can be put in force, oldest first."""
    found = []
    for folder in sorted(home.models.glob("[0-9a-f]*")):
        try:
            found.append((folder.name, manifests.load(folder)))
        except ConfigError:
            continue
    return sorted(found, key=lambda pair: (pair[1].created, pair[0]))


def manifest_of(
    fitted: Fitted,
    *,
    trained_on: Sequence[dict[str, str | int | float | bool]],
    measured: dict[str, float],
    journal_position: int,
    notes: dict[str, str],
) -> Manifest:
    """The facts of a fitted model; hashes and id come when it is written."""
    return Manifest(
        format=1,
        id="0" * 16,
        feature_version=VERSION,
        bits=BITS,
        views=list(LOCAL_VIEWS),
        scales=[1.0] * len(LOCAL_VIEWS),
        weights=ArrayFile(file="weights.npy", sha256="0" * 64),
        messages_spam=fitted.spam,
        messages_ham=fitted.ham,
        bayes_weights=list(fitted.weights.bayes),
        journal_position=journal_position,
        calibration=Calibration(slope=fitted.slope, intercept=fitted.intercept),
        trained_on=list(trained_on),
        measured=measured,
        notes=notes,
    )


def store(home: Home, fitted: Fitted, manifest: Manifest, now: float) -> Model:
    """Write the model folder; the one that was there before when this very model was."""
    home.models.mkdir(mode=0o750, parents=True, exist_ok=True)
    created = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    fresh = home.models / f".fresh-{created.replace(':', '')}"
    shutil.rmtree(fresh, ignore_errors=True)
    weights = np.ascontiguousarray(fitted.weights.tables.weights, dtype=np.float32)
    complete = models.save(
        fresh, manifest.model_copy(update={"created": created}), weights, fitted.weights.counts
    )
    final = home.model_path(complete.id)
    if final.exists():
        shutil.rmtree(fresh)
    else:
        fresh.rename(final)
    return models.load(final)


def put_in_force(
    home: Home, identity: str, by: str, now: float, position: int | None = None
) -> None:
    """Switch to a published model ("none": labels alone); workers follow with their next message.

    `position`: up to where the journal of this machine is in it, when another machine made it.
    """
    home.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    base: Model | None = None
    if identity != NONE:
        base = models.load(home.model_path(identity))
    if not home.live_path(identity).exists():
        LiveModel.create(home.live_path(identity), base, position)
    if home.current() is None and identity != NONE:
        _note(home, Entry(_iso(now), NONE, "start"))
    home.point(identity)
    _note(home, Entry(_iso(now), identity, by))
    _prune(home)


def rollback(home: Home, identity: str | None, now: float) -> str:
    """Put the model before this one in force again, or the one named; its id."""
    current = home.current() or NONE
    if identity is None:
        before = [entry.id for entry in history(home) if entry.id != current]
        if not before:
            raise _problem(home, "there is no earlier model")
        identity = before[-1]
    if identity != NONE and not home.model_path(identity).is_dir():
        raise _problem(home, f"there is no model {identity}")
    put_in_force(home, identity, "rollback", now)
    return identity


def _note(home: Home, entry: Entry) -> None:
    line = json.dumps({"at": entry.at, "id": entry.id, "by": entry.by})
    with home.history.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def _prune(home: Home) -> None:
    """Remove what is neither in force nor among the newest."""
    current = home.current()
    used = list(dict.fromkeys(entry.id for entry in reversed(history(home))))
    keep = {current, *used[: KEPT + 1]}
    for folder in home.models.glob("[0-9a-f]*"):
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
    for live in home.folder.glob("live-*.weights"):
        if live.name.removeprefix("live-").removesuffix(".weights") not in {*keep, NONE}:
            live.unlink(missing_ok=True)


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def _problem(home: Home, message: str) -> ConfigError:
    return ConfigError([ConfigProblem(str(home.folder), "", message)])


def find(home: Home, identity: str) -> Path:
    """The folder of a published model by the start of its id; "current" is the one in force."""
    if identity == "current":
        identity = home.current() or NONE
    matches = [
        folder for folder in home.models.glob("[0-9a-f]*") if folder.name.startswith(identity)
    ]
    if len(matches) != 1:
        raise _problem(home, f"{'no' if not matches else 'more than one'} model {identity!r}")
    return matches[0]
