"""settings - what is written to the log and counted.

Owns:   LogSettings, MetricsSettings.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from filterd.core.settings import Duration, Flag, Settings


class LogSettings(Settings):
    """The log: one line a message, and a line for each event of the service."""

    to: Literal["stderr", "syslog"] = Field(
        default="stderr",
        description="Where lines go: standard error (systemd's journal) or syslog, facility mail.",
    )
    format: Literal["text", "json"] = Field(
        default="text", description="key=value as Postfix logs, or one JSON object a line."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity written; message lines are info."
    )
    syslog_socket: str = Field(
        default="/dev/log", description="Syslog's socket, or host:port for UDP."
    )
    max_recipients: int = Field(
        default=5, ge=1, le=1000, description="Recipients named in a line; the rest is counted."
    )
    max_rules: int = Field(
        default=100, ge=1, le=1000, description="Symbols named in a line, largest points first."
    )
    slow: Duration = Field(
        default=5.0,
        description="Scans that take longer get a second line with where the time went; 0 is off.",
    )


class MetricsSettings(Settings):
    """Prometheus metrics, gathered over all workers."""

    enabled: Flag = Field(default=True, description="Whether anything is counted.")
    max_symbols: int = Field(
        default=1000,
        ge=10,
        le=100_000,
        description='Symbols with a counter of their own; later ones are counted as "other".',
    )
    max_zones: int = Field(
        default=100, ge=10, le=1000, description='DNS zones counted by name; later: "other".'
    )
