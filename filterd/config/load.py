"""load - where settings come from: files, the environment, the command line; and which won.

Owns:   load, Loaded, the order of sources.
Order, later wins key by key: what is shipped, filterd.toml, conf.d/*.toml beside it in lexical order,
environment (FILTERD_CHECKS__DNSBL__ENABLED=false), `--set key=value`. Lists are replaced, not joined.
Secrets may come from a file: FILTERD_STORE__REDIS__PASSWORD_FILE=/run/secrets/redis.
Not here: what is right or wrong in a value (config.decode).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from filterd.config.decode import all_keys, annotation_at, arms, decode
from filterd.config.position import Positions
from filterd.config.settings import SHIPPED, FilterSettings
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.folder import listed

PREFIX = "FILTERD_"
CONFIG_VARIABLE = "FILTERD_CONFIG"
DEFAULT_FILE = Path("/etc/filterd/filterd.toml")
MAX_FILE_BYTES = 4 << 20  # a configuration larger than this is a mistake
# Kubernetes gives every pod of a namespace these for a service called "filterd".
_SERVICE_LINK = re.compile(r"FILTERD_(SERVICE_(HOST|PORT)|PORT)(_|\Z)")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,8}\Z")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for every key that something set: what set it."""

    settings: FilterSettings
    file: Path | None = None  # the main file, None when there is none
    files: tuple[Path, ...] = ()  # everything read, in order
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, key: str) -> str:
        """What set that dotted key: a file with its line, a variable, "--set", or "default"."""
        return _nearest(self.origins, key) or "default"


@dataclass(slots=True)
class _Layers:
    """The merged table while it grows."""

    table: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)

    def add(self, table: Mapping[str, Any], origin: Callable[[str], str]) -> None:
        self._merge(self.table, table, "", origin)

    def _merge(
        self,
        target: dict[str, Any],
        table: Mapping[str, Any],
        prefix: str,
        origin: Callable[[str], str],
    ) -> None:
        for name, value in table.items():
            key = f"{prefix}{name}"
            if isinstance(value, Mapping):
                below = target.get(name)
                if not isinstance(below, dict):
                    below = target[name] = {}
                self._merge(below, value, f"{key}.", origin)
            else:
                target[name] = value
                self._note(key, value, origin)

    def _note(self, key: str, value: Any, origin: Callable[[str], str]) -> None:
        """Remember what set `key`, and each key of the tables in a list."""
        for stale in [k for k in self.origins if k.startswith((f"{key}[", f"{key}."))]:
            del self.origins[stale]
        if said := origin(key):
            self.origins[key] = said
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, Mapping):
                for name, below in item.items():
                    self._note(f"{key}[{index}].{name}", below, origin)


def _nearest(origins: Mapping[str, str], key: str) -> str:
    """The origin of the key, or of the nearest one around it, or of the first one inside it."""
    place = key
    while place:
        if place in origins:
            return origins[place]
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    inside = (said for name, said in origins.items() if name.startswith(f"{key}."))
    return next(inside, "")


def load(
    path: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the settings in force; ConfigError with every problem of every source.

    `path` is `--config`; without it $FILTERD_CONFIG, then /etc/filterd/filterd.toml if it exists,
    else the built-in defaults hold. `overrides` maps dotted keys to TOML text.
    """
    environment = environment or {}
    layers = _Layers()
    layers.add(SHIPPED, lambda _key: "")
    main = _main_file(path, environment)
    files = list(_files(main)) if main is not None else []
    for file in files:
        _add_file(layers, file)
    _add_environment(layers, environment)
    for key, text in (overrides or {}).items():
        if _KEY.match(key):
            layers.add(_nested(key, _value(key, text)), lambda _key: "--set")
        else:
            layers.problems.append(ConfigProblem("--set", key, "expected table.key=value"))
    settings: FilterSettings | None = None
    try:
        settings = decode(
            FilterSettings, layers.table, lambda key: _nearest(layers.origins, key)
        )
    except ConfigError as error:
        layers.problems.extend(error.problems)
    if settings is None or layers.problems:
        raise ConfigError(layers.problems)
    return Loaded(settings, main, tuple(files), layers.origins)


def _main_file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    try:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    except PermissionError:
        return DEFAULT_FILE  # reading it says that it may not be read


def _files(main: Path) -> Iterator[Path]:
    yield main
    yield from listed(main.parent / "conf.d", ".toml")


def _add_file(layers: _Layers, file: Path) -> None:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ConfigError(
                [ConfigProblem(str(file), "", f"larger than {MAX_FILE_BYTES} bytes")]
            )
        text = raw.decode("utf-8-sig")
        table = tomllib.loads(text)
    except ConfigError as error:
        layers.problems.extend(error.problems)
    except OSError as error:
        layers.problems.append(ConfigProblem(str(file), "", error.strerror or str(error)))
    except UnicodeDecodeError as error:
        layers.problems.append(ConfigProblem(str(file), "", f"not UTF-8 at byte {error.start}"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        layers.problems.append(ConfigProblem(str(file), "", f"not TOML: {error}"))
    else:
        positions = Positions(text)
        layers.add(
            table, lambda key: f"{file}:{line}" if (line := positions.line(key)) else str(file)
        )


# -- environment ---------------------------------------------------------------------------------


def _add_environment(layers: _Layers, environment: Mapping[str, str]) -> None:
    known = set(all_keys(FilterSettings))
    for variable, text in sorted(environment.items()):
        if (
            not variable.startswith(PREFIX)
            or variable == CONFIG_VARIABLE
            or _SERVICE_LINK.match(variable)
        ):
            continue
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if not _KEY.match(key):
            layers.problems.append(ConfigProblem(variable, "", "not the name of a setting"))
            continue
        if key.endswith("_file") and key not in known:
            key = key.removesuffix("_file")
            secret = _secret(layers, variable, text)
            if secret is None:
                continue
            layers.add(_nested(key, secret), _said(f"${variable}"))
        else:
            layers.add(_nested(key, _value(key, text)), _said(f"${variable}"))


def _said(origin: str) -> Callable[[str], str]:
    return lambda _key: origin


def _secret(layers: _Layers, variable: str, name: str) -> str | None:
    try:
        return Path(name).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        layers.problems.append(
            ConfigProblem(f"${variable}", "", f"cannot read {name}: {error}")
        )
        return None


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    table: dict[str, Any] = value
    return table


def _value(key: str, text: str) -> Any:
    """The value of `text` for that key: as it stands where the key is a text, else as TOML.

    Where a list belongs, "a, b" is a list of texts, because that is what people put in containers.
    """
    takes = [
        arm for found in annotation_at(FilterSettings, key.split(".")) for arm in arms(found)
    ]
    is_list = any(get_origin(arm) in {tuple, list, frozenset, set} for arm in takes)
    if is_list and not text.lstrip().startswith("["):
        return [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if takes and all(arm in {str, Path} for arm in takes):
        return text
    try:
        return tomllib.loads(f"value = {text}\n")["value"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError):
        return text
