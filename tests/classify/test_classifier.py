"""Points are shares of the log odds: they add up, they stay in order, they are capped."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from filterd.classify.classifier import Scoring, labels_behind
from filterd.classify.features import extract
from filterd.classify.linear import shipped_votes
from filterd.classify.live import LiveModel
from filterd.classify.model import load
from filterd.classify.settings import ClassifierSettings
from filterd.core.shipped import shipped
from tests.support.builders import a_message

SPAM = (
    "From: Prize Desk <win88@lucky-prize.example>\nTo: undisclosed-recipients:;\n"
    "Subject: YOU HAVE WON $$$\nContent-Type: text/html\n\n"
    "<html><body><font size=7>Claim your prize at <a href='http://win.example/claim'>here</a>"
    "</font></body></html>\n"
)
HAM = (
    "From: Ann <ann@a.example>\nTo: bob@example.net\nSubject: Re: minutes of the meeting\n"
    "Message-ID: <1@a.example>\n\nBob, I have put the minutes into the folder. See you on Monday.\n"
)
SETTINGS = ClassifierSettings()


def _model() -> Path:
    return shipped("models") / "ham-spam"


def _scoring(labels: int = 0, settings: ClassifierSettings = SETTINGS) -> Scoring:
    live = LiveModel.in_memory()
    for _ in range(labels):
        live.learn(extract(a_message(SPAM)), True)
        live.learn(extract(a_message(HAM)), False)
    return Scoring(settings, load(_model()), live)


@pytest.mark.parametrize("labels", [0, 1, 200], ids=lambda n: f"{n} labels")
@pytest.mark.parametrize("raw", [SPAM, HAM], ids=["spam", "ham"])
@pytest.mark.parametrize("top", [1, 8, 50])
def test_the_tokens_sum_to_the_points(labels: int, raw: str, top: int) -> None:
    opinion = _scoring(labels).opinion(extract(a_message(raw)), top)
    assert math.fsum(points for _, points in opinion.tokens) == pytest.approx(opinion.points)
    assert len(opinion.tokens) <= top + 1


@pytest.mark.parametrize("labels", [0, 1, 200], ids=lambda n: f"{n} labels")
def test_the_shares_of_all_features_sum_to_the_log_odds(labels: int) -> None:
    scoring = _scoring(labels)
    features = extract(a_message(SPAM))
    judged = scoring.judge(features)
    assert judged.shares.sum() + judged.constant == pytest.approx(judged.log_odds, abs=1e-4)
    shipped, live = scoring.shipped, scoring.live
    assert shipped is not None
    assert live is not None
    calibration = shipped.manifest.calibration
    score = shipped.tables.score(features, shipped_votes(shipped.tables.views))
    expected = calibration.slope * score + calibration.intercept
    expected = scoring.weight_of_shipped * expected + live.weights.score(features)
    assert judged.log_odds == pytest.approx(expected, abs=1e-4)


def test_the_strongest_token_comes_first() -> None:
    tokens = _scoring().opinion(extract(a_message(SPAM))).tokens[:-1]
    sizes = [abs(points) for _, points in tokens]
    assert sizes == sorted(sizes, reverse=True)


def test_points_keep_the_order_of_the_odds() -> None:
    scoring = _scoring()
    odds = [-30.0, -4.0, -1.0, 0.0, 0.5, 3.0, 8.0, 20.0]
    points = [scoring.points(value) for value in odds]
    assert points == sorted(points)
    assert len(set(points)) == len(points)


def test_an_unconfirmed_model_cannot_tag_alone() -> None:
    assert _scoring().points(1000.0) <= SETTINGS.unconfirmed_cap < 6.0


def test_local_labels_of_both_classes_confirm() -> None:
    few = ClassifierSettings(confirm=3)
    assert not _scoring(2, few).is_confirmed
    assert _scoring(3, few).is_confirmed
    assert _scoring(3, few).points(1000.0) > few.unconfirmed_cap


def test_the_shipped_model_fades_as_labels_grow() -> None:
    live = LiveModel.in_memory()
    scoring = Scoring(SETTINGS, load(_model()), live)
    assert scoring.weight_of_shipped == 1.0
    weights = [SETTINGS.fade / (SETTINGS.fade + labels_behind(n, n)) for n in (1, 15, 100)]
    assert weights == sorted(weights, reverse=True)
    assert weights[1] == 0.5


@pytest.mark.parametrize(
    ("spam", "ham", "behind"),
    [(0, 0, 0), (50, 0, 0), (0, 50, 0), (10, 10, 20), (100, 10, 36.36)],
)
def test_labels_of_one_class_only_do_not_count(spam: int, ham: int, behind: float) -> None:
    assert labels_behind(spam, ham) == pytest.approx(behind, abs=0.01)
