"""settings - the base of every settings table, and the units admins write.

Owns:   Settings, Duration ("90s", "5m", 2.5), Size ("20M", 1000), Network ("192.0.2.0/24").
"""

from __future__ import annotations

import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, StrictBool

# With the first model pydantic would look for plugins among all packages that are installed: importlib.metadata,
# email and zipfile are 2 MB of the service and 30 ms of each command, and a plugin would see its settings.
_NO_PLUGINS = ModuleType("pydantic.plugin._loader")
vars(_NO_PLUGINS)["get_plugins"] = tuple
sys.modules.setdefault(_NO_PLUGINS.__name__, _NO_PLUGINS)

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(ms|s|m|h|d|w)\Z")
_SIZE = re.compile(r"(\d{1,15}) ?([KMG]?)i?B?\Z", re.IGNORECASE)


def parse_duration(value: Any) -> float:
    """Return seconds of 5, 2.5 or "300ms", "90s", "5m", "2h", "35d", "1w"; ValueError else."""
    if isinstance(value, bool):
        raise ValueError('expected a duration such as "90s" or 90, got a boolean')
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f'expected a duration such as "90s" or "5m", got {value!r}')
        seconds = float(match.group(1)) * _SECONDS[match.group(2)]
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"a duration cannot be {value!r}")
    return seconds


def parse_size(value: Any) -> int:
    """Return bytes of 1000, "512K", "20M"; ValueError else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'expected a size such as "20M" or 512000, got {value!r}')
    return int(match.group(1)) * _BYTES[match.group(2).upper()]


def parse_network(value: Any) -> IPv4Network | IPv6Network:
    """Return the network of "192.0.2.0/24" or of one address; ValueError else."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str):
        raise ValueError(f'expected a network such as "192.0.2.0/24", got {value!r}')
    return ip_network(value)


Duration = Annotated[float, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
# Plain: pydantic's own network types do not take a network from a validator in JSON mode.
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(parse_network)]
Flag = StrictBool  # yes/no strings are refused, as TOML has booleans


class Settings(BaseModel):
    """A settings table: frozen, unknown keys are errors. Give each field a `description`.

    Decoding is strict (config.decode): no text where a number belongs, no number for a flag.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
