"""report - what a retraining found, for people (HTML with its pictures in it) and programs (JSON).

Owns:   `findings` (plain data), `html`, `write`. matplotlib (extra `report`) draws; without it the page
        has its tables and says what is missing. Nothing that scans imports this.
"""

from __future__ import annotations

import base64
import html as markup
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from filterd.classify.metrics import BINS
from filterd.classify.retrain import Retrained
from filterd.classify.spill import TrainingSet

Plain: TypeAlias = dict[str, Any]

PROBABILITIES = (0.5, 0.8, 0.95, 0.99)  # at which mistakes are counted
WORST = 20  # mistakes named, of each sort
CURVE = 200  # points of a curve
MAX_SOURCES = 100


def findings(examples: TrainingSet, done: Retrained, seconds: float) -> Plain:
    """Everything the report says, JSON-able."""
    tried = done.trained.trial
    is_spam = examples.is_spam[tried.numbers]
    odds = tried.log_odds
    probability = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    return {
        "model": done.id,
        "published": done.is_published,
        "refusal": done.gate.refusal,
        "in_force_before": done.was_in_force,
        "trained_on": {"spam": done.spam, "ham": done.ham, "skipped": done.skipped},
        "seconds": round(seconds, 1),
        "held_out": done.figures.plain(),
        "canary": {
            "messages": done.gate.canary,
            "false_positives_before": done.gate.canary_before,
            "false_positives_after": done.gate.canary_after,
            "newest": done.gate.newest,
            "newest_false_positives_honest": done.gate.newest_honest,
            "wronged": list(done.gate.wronged),
        },
        "calibration": {
            "slope": done.trained.model.slope,
            "intercept": done.trained.model.intercept,
        },
        "confusion": [_confusion(is_spam, probability, at) for at in PROBABILITIES],
        "roc": _roc(is_spam, odds),
        "reliability": _reliability(is_spam, probability),
        "sources": _by_source(examples, tried.numbers, probability),
        "months": _by_month(examples, tried.numbers, probability),
        "worst": {
            "ham_called_spam": _worst(examples, tried.numbers[~is_spam], odds[~is_spam]),
            "spam_called_ham": _worst(examples, tried.numbers[is_spam], -odds[is_spam]),
        },
    }


def _confusion(
    is_spam: NDArray[np.bool_], probability: NDArray[np.float64], at: float
) -> Plain:
    called = probability >= at
    return {
        "probability": at,
        "spam_caught": int((called & is_spam).sum()),
        "spam_missed": int((~called & is_spam).sum()),
        "ham_called_spam": int((called & ~is_spam).sum()),
        "ham_passed": int((~called & ~is_spam).sum()),
    }


def _roc(is_spam: NDArray[np.bool_], odds: NDArray[np.float64]) -> list[list[float]]:
    """Points (share of ham called spam, share of spam missed), strictest threshold first."""
    spam, ham = np.sort(odds[is_spam]), np.sort(odds[~is_spam])
    if not len(spam) or not len(ham):
        return []
    thresholds = np.unique(odds)[::-1]
    if len(thresholds) > CURVE:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, CURVE).astype(np.intp)]
    false = 1 - np.searchsorted(ham, thresholds) / len(ham)
    missed = np.searchsorted(spam, thresholds) / len(spam)
    return [
        [round(float(f), 6), round(float(m), 6)] for f, m in zip(false, missed, strict=True)
    ]


def _reliability(is_spam: NDArray[np.bool_], probability: NDArray[np.float64]) -> list[Plain]:
    place = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    found = []
    for number in range(BINS):
        inside = place == number
        if inside.any():
            found.append(
                {
                    "messages": int(inside.sum()),
                    "probability": round(float(probability[inside].mean()), 4),
                    "spam": round(float(is_spam[inside].mean()), 4),
                }
            )
    return found


def _rates(is_spam: NDArray[np.bool_], probability: NDArray[np.float64]) -> Plain:
    return {
        "spam": int(is_spam.sum()),
        "ham": int((~is_spam).sum()),
        "spam_missed": int((is_spam & (probability < 0.5)).sum()),
        "ham_called_spam": int((~is_spam & (probability >= 0.5)).sum()),
    }


def _by_source(
    examples: TrainingSet, numbers: NDArray[np.intp], probability: NDArray[np.float64]
) -> list[Plain]:
    is_spam, source = examples.is_spam[numbers], examples.source[numbers]
    found = []
    for number, name in enumerate(examples.sources[:MAX_SOURCES]):
        inside = source == number
        if inside.any():
            found.append({"source": name, **_rates(is_spam[inside], probability[inside])})
    return found


def _by_month(
    examples: TrainingSet, numbers: NDArray[np.intp], probability: NDArray[np.float64]
) -> list[Plain]:
    is_spam, at = examples.is_spam[numbers], examples.at[numbers]
    month = np.array([_month(float(when)) for when in at])
    found = []
    for name in sorted(set(month.tolist())):
        inside = month == name
        found.append({"month": name, **_rates(is_spam[inside], probability[inside])})
    return found


def _month(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m") if when else "undated"


def _worst(
    examples: TrainingSet, numbers: NDArray[np.intp], wrongness: NDArray[np.float64]
) -> list[Plain]:
    order = np.argsort(-wrongness, kind="stable")[:WORST]
    return [
        {
            "name": examples.name(int(numbers[index])),
            "log_odds_wrong": round(float(wrongness[index]), 3),
        }
        for index in order
        if wrongness[index] > 0
    ]


# -- the page ------------------------------------------------------------------------------------


def write(folder: Path, found: Plain) -> tuple[Path, Path]:
    """Write report.json and report.html into a folder; their paths."""
    data, page = folder / "report.json", folder / "report.html"
    data.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(html(found), encoding="utf-8")
    return data, page


def html(found: Plain) -> str:
    """One page that needs nothing else."""
    state = "published" if found["published"] else f"not published: {found['refusal']}"
    parts = [
        f"<h1>Model {_e(found['model'])}</h1>",
        (
            f"<p><b>{_e(state)}</b>. Trained on {found['trained_on']['spam']} spam and"
            f" {found['trained_on']['ham']} ham in {found['seconds']} s. The figures are of the newest"
            " fifth of each source and class, by a model that was fitted without it.</p>"
        ),
        _table("Held out", [found["held_out"]]),
        _table("Mistakes at a probability", found["confusion"]),
        *_pictures(found),
        _table("Canary", [{k: v for k, v in found["canary"].items() if k != "wronged"}]),
        _table("By source", found["sources"]),
        _table("By month", found["months"]),
        _table("Ham called spam, worst first", found["worst"]["ham_called_spam"]),
        _table("Spam called ham, worst first", found["worst"]["spam_called_ham"]),
        _table(
            "Known ham that the new model wrongs",
            [{"name": n} for n in found["canary"]["wronged"]],
        ),
    ]
    style = (
        "body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{padding:.15em .8em;text-align:right;"
        "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}img{max-width:49%}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>filterd model {_e(found['model'])}</title><style>{style}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _e(value: object) -> str:
    return markup.escape(f"{value:.4f}" if isinstance(value, float) else str(value))


def _table(title: str, rows: list[Mapping[str, object]]) -> str:
    if not rows:
        return f"<h2>{_e(title)}</h2><p>none</p>"
    head = "".join(f"<th>{_e(key.replace('_', ' '))}</th>" for key in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{_e('' if v is None else v)}</td>" for v in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<h2>{_e(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _pictures(found: Plain) -> list[str]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ["<p>Pictures need matplotlib: install filterd[report].</p>"]
    drawn = []
    for title, draw in (
        ("Receiver operating characteristic", _draw_roc),
        ("Detection error trade-off", _draw_det),
        ("Calibration", _draw_reliability),
    ):
        figure = Figure(figsize=(5, 4), layout="constrained")
        draw(figure.add_subplot(), found)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
        data = base64.b64encode(stream.getvalue()).decode("ascii")
        drawn.append(f'<img alt="{_e(title)}" src="data:image/png;base64,{data}">')
    return ["<h2>Curves</h2>", *drawn]


Draw: TypeAlias = Callable[[Any, Plain], None]


def _draw_roc(axes: Any, found: Plain) -> None:
    points = np.array(found["roc"] or [[0, 0]])
    axes.plot(100 * points[:, 0], 100 * (1 - points[:, 1]), drawstyle="steps-post")
    axes.set(xlabel="ham called spam, %", ylabel="spam caught, %", title="ROC", xlim=(0, 10))


def _draw_det(axes: Any, found: Plain) -> None:
    points = np.clip(np.array(found["roc"] or [[1, 1]]), 1e-5, 1)
    axes.loglog(100 * points[:, 0], 100 * points[:, 1])
    axes.set(xlabel="ham called spam, %", ylabel="spam missed, %", title="DET")
    axes.grid(visible=True, which="both", alpha=0.3)


def _draw_reliability(axes: Any, found: Plain) -> None:
    bins = found["reliability"]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot([b["probability"] for b in bins], [b["spam"] for b in bins], marker="o")
    axes.set(xlabel="probability said", ylabel="share of spam", title="Calibration")
