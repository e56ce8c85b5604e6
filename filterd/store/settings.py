"""settings - the [store] and [history] tables.

Owns:   StoreSettings, HistorySettings.
"""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from filterd.core.settings import Duration, Flag, Settings

_QUERY = re.compile(r"(?:(?:db=\d{1,5}|ssl_\w+=[^&=]+)(?:&|\Z))*\Z")
_NODE = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?\Z|[0-9A-Fa-f:.]+\Z")


class StoreSettings(Settings):
    """Where greylist, rates, correspondents and traps are kept, and how long one may wait for it."""

    kind: Literal["sqlite", "redis", "memory"] = Field(
        default="sqlite",
        description="sqlite: a file shared by all workers of this machine. redis: shared by several"
        " machines (Redis or Valkey). memory: lost at restart and not shared; for trials.",
    )
    path: str = Field(
        default="",
        description='The SQLite file; "" is state.sqlite in `state_dir`.',
    )
    url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="redis://[USER:PASSWORD@]HOST:PORT/DB, rediss:// with TLS, unix:///PATH. With"
        " `topology` sentinel or cluster, user, password and database of it hold for all nodes.",
    )
    topology: Literal["standalone", "sentinel", "cluster"] = Field(
        default="standalone", description="How the Redis servers are arranged."
    )
    nodes: tuple[str, ...] = Field(
        default=(),
        description='HOST:PORT of the sentinels, or of some nodes of the cluster; ("[::1]:26379"'
        " for IPv6). Empty: the host of `url`.",
    )
    sentinel_name: str = Field(
        default="mymaster", description="The name under which the sentinels know the primary."
    )
    sentinel_password: SecretStr = Field(
        default=SecretStr(""), description="Password of the sentinels themselves, if they ask."
    )
    username: str = Field(default="", description="ACL user; wins over the one in `url`.")
    password: SecretStr = Field(
        default=SecretStr(""), description="Password; wins over the one in `url`."
    )
    tls_ca: str = Field(
        default="", description="File of CA certificates for rediss://; empty: the system's."
    )
    tls_certificate: str = Field(default="", description="Client certificate file (PEM).")
    tls_key: str = Field(default="", description="Key file of the client certificate (PEM).")
    prefix: str = Field(
        default="filterd",
        pattern=r"^[A-Za-z0-9_.-]{1,40}$",
        description="First word of every Redis key; give installations that share a server their own.",
    )
    timeout: Duration = Field(
        default=0.15,
        ge=0.01,
        le=2.0,
        description="A store that has not answered by then counts as down; mail goes on without it.",
    )
    failures: int = Field(
        default=3,
        ge=1,
        le=100,
        description="After so many failures in a row the store is left alone until a probe succeeds.",
    )
    probe_every: Duration = Field(
        default=0.5,
        ge=0.05,
        le=60.0,
        description="How often a store that is down is probed (in the background).",
    )
    hashed: Flag = Field(
        default=False,
        description="Keep only hashes of addresses and networks in the store (RFC 6647 is served as well).",
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Key of those hashes; machines that share a store must share it."
        " Without one, who reads the store can test guesses.",
    )

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            is_right = parts.port != 0 and bool(_QUERY.match(parts.query))
        except ValueError:
            is_right = False
        if not is_right or parts.scheme not in {"redis", "rediss", "unix"}:
            raise ValueError(
                'expected "redis://HOST:PORT/DB", "rediss://..." or "unix:///PATH"'
            )
        return url

    @field_validator("nodes")
    @classmethod
    def _nodes(cls, nodes: tuple[str, ...]) -> tuple[str, ...]:
        for node in nodes:
            found = _NODE.match(node)
            if found is None or not 0 < int(found.group(1) or 1) < 65_536:
                raise ValueError(f'expected "HOST:PORT", got "{node}"')
        return nodes

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.kind == "redis" and self.topology == "sentinel" and not self.sentinel_name:
            raise ValueError("topology sentinel needs sentinel_name")
        return self


class HistorySettings(Settings):
    """Verdicts kept for `why`, `history` and `rules replay`."""

    enabled: Flag = Field(default=True, description="Whether verdicts are kept at all.")
    days: int = Field(
        default=30, ge=1, le=3650, description="Verdicts older than this are dropped."
    )
    verdicts: int = Field(
        default=1_000_000,
        ge=1_000,
        le=100_000_000,
        description="At most about so many are kept; the oldest go first.",
    )
    hashed: Flag = Field(
        default=False,
        description="Keep hashes of sender, recipients and client in place of themselves; searching"
        " for a known address still works.",
    )
    subject: Flag = Field(
        default=False, description="Keep the subject (first 80 characters) of each message."
    )
    path: str = Field(
        default="",
        description='SQLite file of the history; "" is history.sqlite in `state_dir`. Not used with Redis.',
    )
