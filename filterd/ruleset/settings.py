"""settings - the table [rules] of filterd.toml.

Owns:   RuleSettings.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from filterd.core.settings import Duration, Flag, Settings


class RuleSettings(Settings):
    """Which rule files are read, in which order the later wins, and what a rule may cost."""

    shipped: Flag = Field(
        default=True, description="Whether the rules that came along are used."
    )
    directory: Path = Field(
        default=Path("/etc/filterd/rules.d"),
        description="Your own rules and scores, *.toml by name; they win over the shipped ones.",
    )
    spamassassin: tuple[Path, ...] = Field(
        default=(),
        max_length=64,
        description="SpamAssassin rule files, or folders of *.cf, to load as they are.",
    )
    spamassassin_scale: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="By what the scores of SpamAssassin rules are multiplied.",
    )
    max_rules: int = Field(
        default=20_000, ge=1, le=200_000, description="Rules read; more is an error."
    )
    backtrack_steps: int = Field(
        default=20_000,
        ge=100,
        le=1_000_000,
        description="Steps after which a SpamAssassin pattern that needs look-around gives up.",
    )
    reload: Duration = Field(
        default=10.0,
        le=86_400,
        description="How often the files are looked at for changes; 0: only when told.",
    )
