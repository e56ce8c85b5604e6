"""settings - the table [classifier]: which model, how local labels weigh, what its points may do."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from filterd.core.settings import Flag, Settings


class ClassifierSettings(Settings):
    """Which model is in force, how much its points may be, and what it learns by itself."""

    enabled: Flag = Field(
        default=True,
        description="Whether the classifier is loaded; without it no CLASSIFIER symbol.",
    )
    model: Path | None = Field(
        default=None,
        description="Folder of the shipped model; the one that comes with the program when not given.",
    )
    fade: float = Field(
        default=30.0,
        gt=0,
        le=10_000,
        description="Local labels at which the shipped model's weight is one half: fade/(fade+n).",
    )
    confirm: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="Local labels of each class (spam, ham) after which points may pass `unconfirmed_cap`.",
    )
    unconfirmed_cap: float = Field(
        default=4.5,
        ge=0,
        description="Most points while local mail has not confirmed the model; keep it below the tag threshold.",
    )
    spam_cap: float = Field(
        default=9.0, ge=0, description="Most points for spam once confirmed."
    )
    ham_cap: float = Field(
        default=6.0, ge=0, description="Most points taken off for ham once confirmed."
    )
    points: float = Field(
        default=1.0, gt=0, le=10, description="Points for one unit of log odds (2.94 is 95 %)."
    )
    auto_learn: Flag = Field(
        default=False,
        description="Learn from the filter's own sure verdicts; guarded, and off unless asked for.",
    )
    auto_learn_spam: float = Field(
        default=20.0, description="Score from which a message may be learned as spam by itself."
    )
    auto_learn_ham: float = Field(
        default=-3.0, description="Score up to which a message may be learned as ham by itself."
    )
