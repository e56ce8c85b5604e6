"""settings - what an admin decides about verdicts: thresholds, fields, profiles, time.

Owns:   ScanSettings, Thresholds, FieldSettings, ProfileSettings; the shipped profiles.
"""

from __future__ import annotations

import itertools
from typing import Literal, Self

from pydantic import Field, model_validator

from filterd.core.settings import Duration, Flag, Network, Settings

ORDER = ("tag", "quarantine", "reject")  # must rise in this order where set


class Thresholds(Settings):
    """Scores from which an action is taken; 0 switches an action off.

    Greylisting by score is the greylist check's (`at = "eom"`): it alone knows who has come back.
    """

    tag: float = Field(
        default=6.0, ge=0, description="Score from which mail is marked as spam."
    )
    quarantine: float = Field(
        default=0,
        ge=0,
        description="Score from which mail goes to the MTA's hold queue; 0 is off.",
    )
    reject: float = Field(default=15.0, ge=0, description="Score from which mail is refused.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        values = [(name, getattr(self, name)) for name in ORDER if getattr(self, name)]
        for (low, a), (high, b) in itertools.pairwise(values):
            if a > b:
                raise ValueError(f"{low} = {a:g} must not be above {high} = {b:g}")
        return self

    @property
    def table(self) -> tuple[tuple[str, float], ...]:
        """The thresholds in force, lowest first."""
        return tuple((name, getattr(self, name)) for name in ORDER if getattr(self, name))


class ProfileThresholds(Settings):
    """Thresholds a profile changes; what is not named stays."""

    tag: float | None = Field(default=None, ge=0, description="Overrides thresholds.tag.")
    quarantine: float | None = Field(
        default=None, ge=0, description="Overrides thresholds.quarantine."
    )
    reject: float | None = Field(default=None, ge=0, description="Overrides thresholds.reject.")


class FieldSettings(Settings):
    """Which fields are added to mail."""

    authentication_results: Flag = Field(
        default=True, description="Add one Authentication-Results field (RFC 8601) on top."
    )
    spam: Literal["always", "tagged", "never"] = Field(
        default="always",
        description="When to add X-Spam-Status, -Score, -Level (and -Flag when tagged).",
    )
    remove_spam: Flag = Field(
        default=True, description="Remove arriving X-Spam-Flag, -Status, -Score and -Level."
    )
    subject_tag: str = Field(
        default="",
        max_length=40,
        pattern=r"^[ -~]*$",
        description='Put before the Subject of tagged mail, e.g. "[spam] "; empty: leave it.',
    )


class ProfileSettings(Settings):
    """A class of sessions with checks and thresholds of its own."""

    networks: tuple[Network, ...] = Field(
        default=(), description="Clients that get this profile."
    )
    daemon_names: tuple[str, ...] = Field(
        default=(), description="{daemon_name} of MTA services that get this profile."
    )
    disable: tuple[str, ...] = Field(default=(), description="Checks that do not run here.")
    thresholds: ProfileThresholds = Field(
        default=ProfileThresholds(), description="Thresholds that differ here."
    )
    score: Flag = Field(
        default=True, description="Off: never tag or refuse by score (checks still report)."
    )


# On submission the client is a customer's home line: what its address says means nothing (FIELD 13).
OWN_DISABLED = (
    "allow",
    "connection",
    "helo",
    "sender",
    "iprev",
    "spf",
    "dmarc",
    "dnsbl",
    "domainlist",
    "greylist",
    "tarpit",
    "trap",
)

DEFAULT_PROFILES: dict[str, ProfileSettings] = {
    "authenticated": ProfileSettings(disable=OWN_DISABLED),
    "local": ProfileSettings(disable=(*OWN_DISABLED, "ratelimit")),
    "default": ProfileSettings(),
}


class ScanSettings(Settings):
    """Time and failure of a whole scan."""

    deadline: Duration = Field(
        default=8.0,
        gt=0,
        le=120,
        description="Time for everything at end-of-message; what is late is a temperror.",
    )
    early_deadline: Duration = Field(
        default=4.0,
        gt=0,
        le=25,
        description="Time for an answer at CONNECT, HELO, MAIL or RCPT; keep it below the MTA's.",
    )
    allow_discard: Flag = Field(
        default=False,
        description="Let rules discard mail silently; off, discard becomes reject.",
    )
