"""settings - the tree of filterd.toml; every table is the settings class of the layer that reads it.

Owns:   FilterSettings, MilterSettings, HttpSettings; the table [checks.NAME].
Not here: decoding and its messages (config.decode), files and environment (config.load), defaults of
        other layers (their own settings modules).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, create_model, model_validator

from filterd.auth.settings import ReportSettings, SigningSettings
from filterd.checks.catalogue import ALL
from filterd.classify.settings import ClassifierSettings
from filterd.config.listen import Mode, Socket, SocketAddress
from filterd.core.check import Check, CheckSettings
from filterd.core.settings import Duration, Flag, Network, Settings, Size, parse_network
from filterd.dns.settings import DnsSettings
from filterd.limits import LIMITS
from filterd.observe.settings import LogSettings, MetricsSettings
from filterd.ruleset.settings import RuleSettings
from filterd.scan.settings import (
    DEFAULT_PROFILES,
    FieldSettings,
    ProfileSettings,
    ScanSettings,
    Thresholds,
)
from filterd.store.settings import HistorySettings, StoreSettings


class MilterSettings(Settings):
    """Where the MTA connects, and the processes that answer it."""

    sockets: tuple[SocketAddress, ...] = Field(
        default=(Socket(host="127.0.0.1", port=8895),),
        min_length=1,
        max_length=16,
        description='Where to listen: "inet:127.0.0.1:8895", "unix:/run/filterd/milter.sock".',
    )
    socket_mode: Mode = Field(default=0o660, description="Permissions of unix sockets.")
    socket_owner: str = Field(
        default="", description="Owner of unix sockets; empty: whoever the filter runs as."
    )
    socket_group: str = Field(
        default="",
        description="Group of unix sockets; with Postfix the group that smtpd is in.",
    )
    workers: int = Field(
        default=2, ge=0, le=256, description="Worker processes; 0: one for each core."
    )
    user: str = Field(
        default="", description="User to become once the sockets are open; empty: stay."
    )
    group: str = Field(default="", description="Group to become; empty: that of `user`.")
    timeout: Duration = Field(
        default=7200.0,
        ge=10,
        description="Silence of the MTA after which its connection is closed.",
    )
    command_timeout: Duration = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="What the MTA waits for an answer (Postfix: milter_command_timeout); delays stay below it.",
    )
    max_message: Size = Field(
        default=LIMITS.message_bytes,
        ge=64 << 10,
        le=1 << 30,
        description="Bytes of a message that are scanned; a larger one is scanned in part and marked.",
    )


class HttpSettings(Settings):
    """The HTTP side: scan, learn, verdicts, metrics, health, the page. Closed unless switched on."""

    enabled: Flag = Field(default=False, description="Whether to listen at all.")
    sockets: tuple[SocketAddress, ...] = Field(
        default=(Socket(host="127.0.0.1", port=8896),),
        min_length=1,
        max_length=8,
        description="Where to listen. Other than loopback or a unix socket needs a token.",
    )
    socket_mode: Mode = Field(default=0o660, description="Permissions of unix sockets.")
    socket_group: str = Field(default="", description="Group of unix sockets.")
    token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token asked of every request but /healthz and /readyz; empty: none.",
    )
    max_message: Size = Field(
        default=LIMITS.message_bytes,
        ge=64 << 10,
        le=1 << 30,
        description="Largest request body; more is answered 413.",
    )
    timeout: Duration = Field(
        default=30.0, gt=0, le=600, description="Time a client has to send its request."
    )

    @model_validator(mode="after")
    def _closed_by_default(self) -> Self:
        outside = [str(s) for s in self.sockets if not s.is_local]
        if self.enabled and outside and not self.token.get_secret_value():
            raise ValueError(
                f"{outside[0]} can be reached from other machines and needs a token"
            )
        return self


def _purpose(check: Check) -> str:
    """What the check's module says it is for: its first line, behind the name."""
    text = sys.modules[check.run.__module__].__doc__ or ""
    return text.partition("\n\n")[0].partition(" - ")[2].replace("\n", " ").strip()


ChecksTable = create_model(
    "ChecksTable",
    __base__=Settings,
    __doc__="One table a check.",
    **{  # type: ignore[call-overload]  # fields are known at run time only
        check.name: (
            check.settings,
            Field(default=check.settings(), description=_purpose(check)),
        )
        for check in ALL
    },
)


class FilterSettings(Settings):
    """Everything an admin can set; the root of filterd.toml."""

    state_dir: Path = Field(
        default=Path("/var/lib/filterd"),
        description="Directory for databases, learned labels, models and run-time files.",
    )
    authserv_id: str = Field(
        default="",
        max_length=255,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Our name in Authentication-Results (RFC 8601); empty: the MTA's own name.",
    )
    mode: Literal["enforce", "observe"] = Field(
        default="enforce",
        description="observe: everything runs, nothing is altered; a field says what would have been done.",
    )
    local_networks: tuple[Network, ...] = Field(
        default=(parse_network("127.0.0.0/8"), parse_network("::1/128")),
        description="Clients that are our own; they get the profile `local`.",
    )
    trusted_networks: tuple[Network, ...] = Field(
        default=(),
        description="Relays in front of us whose Received fields are believed (backup MX, gateway).",
    )
    local_domains: tuple[str, ...] = Field(
        default=(), description="Domains whose mail we receive; also found forged in From."
    )
    milter: MilterSettings = Field(default=MilterSettings(), description=MilterSettings.__doc__)
    scan: ScanSettings = Field(default=ScanSettings(), description=ScanSettings.__doc__)
    thresholds: Thresholds = Field(default=Thresholds(), description=Thresholds.__doc__)
    fields: FieldSettings = Field(default=FieldSettings(), description=FieldSettings.__doc__)
    profiles: dict[str, ProfileSettings] = Field(
        default=DEFAULT_PROFILES, description=ProfileSettings.__doc__
    )
    dns: DnsSettings = Field(default=DnsSettings(), description=DnsSettings.__doc__)
    store: StoreSettings = Field(default=StoreSettings(), description=StoreSettings.__doc__)
    rules: RuleSettings = Field(default=RuleSettings(), description=RuleSettings.__doc__)
    classifier: ClassifierSettings = Field(
        default=ClassifierSettings(), description=ClassifierSettings.__doc__
    )
    log: LogSettings = Field(default=LogSettings(), description=LogSettings.__doc__)
    metrics: MetricsSettings = Field(
        default=MetricsSettings(), description=MetricsSettings.__doc__
    )
    http: HttpSettings = Field(default=HttpSettings(), description=HttpSettings.__doc__)
    signing: SigningSettings = Field(
        default=SigningSettings(), description=SigningSettings.__doc__
    )
    dmarc_reports: ReportSettings = Field(
        default=ReportSettings(), description=ReportSettings.__doc__
    )
    history: HistorySettings = Field(
        default=HistorySettings(), description=HistorySettings.__doc__
    )
    checks: ChecksTable = Field(default=ChecksTable(), description="One table a check.")

    @property
    def check_settings(self) -> Mapping[str, CheckSettings]:
        """The settings of every check, by name; what is ours goes to those who look for forgeries."""
        found: dict[str, CheckSettings] = {c.name: getattr(self.checks, c.name) for c in ALL}
        for name, key in (("author", "own_domains"), ("helo", "own_names")):
            if self.local_domains and not getattr(found[name], key):
                found[name] = found[name].model_copy(update={key: self.local_domains})
        return found

    def warnings(self) -> Iterator[str]:
        """What an admin should know about these settings though the filter runs with them."""
        for key in ("local_networks", "trusted_networks"):
            for network in getattr(self, key):
                if network.prefixlen == 0:
                    yield f"{key}: {network} is everybody: nobody would be judged as a stranger"
        rules = self.rules.directory
        if rules != RuleSettings().directory and not os.path.exists(rules):  # noqa: PTH110
            yield f"rules.directory: there is no folder {rules}"
        yield from self._nobody()
        for name, settings in self.check_settings.items():
            for text in settings.warnings():
                yield f"checks.{name}.{text}"

    def _nobody(self) -> Iterator[str]:
        """Users and groups that this machine does not know."""
        milter = self.milter
        sockets = any(socket.path for socket in milter.sockets)
        for key, name, find in (
            ("milter.user", milter.user, getpwnam),
            ("milter.group", milter.group if milter.user else "", getgrnam),
            ("milter.socket_owner", milter.socket_owner if sockets else "", getpwnam),
            ("milter.socket_group", milter.socket_group if sockets else "", getgrnam),
        ):
            try:
                if name:
                    find(name)
            except KeyError:
                yield f'{key}: "{name}" is not known on this machine; it could not start here'

    @property
    def run_dir(self) -> Path:
        """Where the running service keeps status.json and its metrics."""
        return self.state_dir / "run"


def _said(model: type[BaseModel]) -> dict[str, Any]:
    """What the defaults of tables say beyond the defaults of the tables' own classes."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            continue
        value = field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel):
            below = _said(type(value)) | value.model_dump(mode="json", exclude_unset=True)
        elif isinstance(value, Mapping) and any(
            isinstance(v, BaseModel) for v in value.values()
        ):
            below = {
                own: _said(type(item)) | item.model_dump(mode="json", exclude_unset=True)
                for own, item in value.items()
            }
        else:
            continue
        if below:
            found[name] = below
    return found


# What is true before any file is read. A file's table is merged with it key by key: who sets one key
# of a table leaves the others as they were, also where the table's default is not its class's.
SHIPPED: Mapping[str, Any] = _said(FilterSettings)
