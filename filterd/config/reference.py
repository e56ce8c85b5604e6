"""reference - what can be set, said from the settings classes: manual, sample, `config show`.

Owns:   entries (every key with kind, default, range and description), TOML text of values,
        sample_toml (deploy/filterd.toml), manual (deploy/man/filterd.toml.5.md).
A test renders both and fails when the committed files differ, so that no document can lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from filterd.config.decode import arms
from filterd.config.listen import Socket, parse_mode
from filterd.config.settings import SHIPPED, FilterSettings
from filterd.core.settings import parse_duration, parse_network, parse_size

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_UNITS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))
WIDTH = 96


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: how it is written, what it takes, what it is when nobody says."""

    key: str  # dotted; NAME stands for a name of one's own, [] for an item of a list
    kind: str
    default: str  # as TOML; "" when the key must be given or is unset
    bounds: str
    description: str
    is_table: bool = False


def entries(
    model: type[BaseModel] = FilterSettings, prefix: str = "", given: BaseModel | None = None
) -> Iterator[Entry]:
    """Every key of the tree, tables before what is in them, in the order of the classes.

    `given` is the table's default where it is not its class's.
    """
    fields = model.model_fields.items()
    for name, field in sorted(fields, key=lambda item: _is_table(item[1])):
        key = f"{prefix}{name}"
        below, suffix = _below(field)
        if below is not None and suffix == ".":
            yield Entry(key, "table", "", "", _sentence(below, field), is_table=True)
            inner = None if field.is_required() else _default(name, field, given)
            yield from entries(
                below, f"{key}.", inner if isinstance(inner, BaseModel) else None
            )
            continue
        said = "" if field.is_required() else default(_default(name, field, given), field)
        yield Entry(key, kind(field), said, bounds(field), field.description or "")
        if below is not None:
            yield from entries(below, f"{key}{suffix}")


def _is_table(field: FieldInfo) -> bool:
    return _below(field)[0] is not None


def _sentence(below: type[BaseModel], field: FieldInfo) -> str:
    return " ".join((field.description or below.__doc__ or "").split())


def _below(field: FieldInfo) -> tuple[type[BaseModel] | None, str]:
    """The settings class inside the field, and how its keys are joined to the field's."""
    for arm in arms(field.annotation):
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            return arm, "."
        inner = [a for part in get_args(arm) for a in arms(part)]
        models = [a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)]
        if models:
            return models[0], ".NAME." if _is_mapping(arm) else "[]."
    return None, ""


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _validators(metadata: Iterable[Any]) -> set[Any]:
    return {getattr(item, "func", None) for item in metadata}


def kind(field: FieldInfo) -> str:
    """What the key takes, in an admin's words."""
    special = _validators(field.metadata)
    if parse_duration in special:
        return "duration"
    if parse_size in special:
        return "size"
    if parse_mode in special:
        return "permissions"
    words = [_kind(arm) for arm in arms(field.annotation) if arm is not type(None)]
    return " or ".join(dict.fromkeys(words))


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(json.dumps(choice) for choice in inner)
    if _is_mapping(annotation):
        return f"table of {_many(inner[1])}"
    if origin in {tuple, list, frozenset, set}:
        return f"list of {_many(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return _SIMPLE.get(annotation, "text")


_SIMPLE: dict[Any, str] = {
    bool: "true | false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text (secret)",
    IPv4Network: "network",
}


def _many(annotation: Any) -> str:
    special = _validators(getattr(annotation, "__metadata__", ()))
    if parse_network in special:
        return "networks"
    if parse_duration in special:
        return "durations"
    word = _kind(arms(annotation)[0])
    if arms(annotation)[0] is Socket:
        return "sockets"
    return word if " | " in word else f"{word}s"


def bounds(field: FieldInfo) -> str:
    """The range, such as "at least 1, at most 256"; "" where there is none."""
    said = []
    for name, words in _BOUNDS:
        for item in field.metadata:
            limit = getattr(item, name, None)
            if limit is not None:
                said.append(f"{words} {toml(_with_unit(limit, field))}")
    return ", ".join(said)


def _default(name: str, field: FieldInfo, given: BaseModel | None) -> Any:
    return (
        field.get_default(call_default_factory=True) if given is None else getattr(given, name)
    )


def default(value: Any, field: FieldInfo) -> str:
    """The default as TOML; a default is no secret."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return toml(plain(value, field))


# -- values --------------------------------------------------------------------------------------


def plain(value: Any, field: FieldInfo | None = None) -> Any:
    """The value as an admin would write it: "5m", "20M", "192.0.2.0/24"; secrets are hidden."""
    match value:
        case SecretStr():
            return "********" if value.get_secret_value() else ""
        case BaseModel():
            return {
                name: plain(getattr(value, name), below)
                for name, below in type(value).model_fields.items()
                if getattr(value, name) is not None
            }
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case frozenset() | set():
            return sorted(str(plain(item)) for item in value)
        case bool() | None:
            return value
        case int() | float():
            return _with_unit(value, field)
        case str():
            return value
        case _:
            return str(getattr(value, "value", value))


def _with_unit(value: float, field: FieldInfo | None) -> Any:
    special = _validators(field.metadata) if field is not None else set()
    if parse_duration in special:
        return duration(value)
    if parse_size in special:
        return size(int(value))
    if parse_mode in special:
        return f"{int(value):04o}"
    return value


def duration(seconds: float) -> str | int:
    """The text of 300.0 is "5m": the largest unit that gives a whole number; 0 stays 0."""
    if seconds == 0:
        return 0
    for unit, length in _UNITS:
        if seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    if (seconds * 1000) % 1 == 0:
        return f"{int(seconds * 1000)}ms"
    return f"{seconds:g}s"


def size(count: int) -> str | int:
    """The text of 20971520 is "20M"."""
    for unit, length in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if count and count % length == 0:
            return f"{count // length}{unit}"
    return count


def toml(value: Any) -> str:
    """A plain value as TOML on one line; "" for None, which TOML has not."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case Mapping():
            inner = ", ".join(f"{name(k)} = {toml(v)}" for k, v in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(toml(item) for item in value)}]"
        case _:
            return str(value)


def name(key: str) -> str:
    """The key as TOML wants it: bare where it may be."""
    return key if _BARE.match(key) else toml(key)


def leaves(settings: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value in force; tables are walked, lists are one value."""
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name(key)}.")
        elif isinstance(value, Mapping) and any(
            isinstance(v, BaseModel) for v in value.values()
        ):
            for own, below in value.items():
                yield from leaves(below, f"{prefix}{name(key)}.{name(own)}.")
        elif value is not None:
            yield f"{prefix}{name(key)}", plain(value, field)


def entry(key: str) -> Entry | None:
    """The entry for a key as it stands in a file: names of one's own and list places included."""
    wanted = re.sub(r"\[\d*\]", "[]", key)
    for item in entries():
        pattern = re.escape(item.key).replace(r"NAME", r"[^.]+")
        if re.fullmatch(pattern, wanted):
            return item
    return None


# -- documents -----------------------------------------------------------------------------------


def sample_toml() -> str:
    """deploy/filterd.toml: every key with its default, commented out, under its description."""
    lines: list[str] = [
        "# filterd.toml - every setting with its default. Uncomment what you change.",
        "#",
        "# Settings of your own go well into conf.d/*.toml beside this file (lexical order, the last",
        "# one wins key by key), so that an upgrade of this file never asks anything.",
        "# `filterd config check` finds every mistake, `filterd config show --origin` says what is in",
        '# force and what set it. Durations: "500ms", "30s", "5m", "2h", "14d"; sizes: "512K", "20M".',
        "",
    ]
    for item in entries():
        if "[]" in item.key or "NAME" in item.key:  # in the manual
            continue
        if item.is_table:
            lines += ["", f"[{item.key}]", *_comment(item.description), ""]
        elif item.key == "profiles":
            lines += ["", *_comment(f"[profiles.NAME] {item.description}"), *_profiles()]
        else:
            lines += _comment(item.description + _asides(item))
            lines.append(f"#{item.key.rpartition('.')[2]} = {item.default or '(unset)'}")
    text = "\n".join(lines).rstrip() + "\n"
    return re.sub(r"\n{3,}", "\n\n", text)


def _profiles() -> list[str]:
    shipped: Any = SHIPPED["profiles"]
    lines: list[str] = []
    for own, keys in shipped.items():
        lines += [f"#[profiles.{own}]", *(f"#{k} = {toml(v)}" for k, v in keys.items())]
    return lines


def _asides(item: Entry) -> str:
    takes = "" if item.kind in {"text", "true | false"} else item.kind
    said = "; ".join(part for part in (takes, item.bounds) if part)
    return f" ({said})" if said else ""


def _comment(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def manual() -> str:
    """deploy/man/filterd.toml.5.md: the reference of all settings."""
    lines = [
        "# filterd.toml(5)",
        "",
        "## NAME",
        "",
        "filterd.toml - settings of filterd(1)",
        "",
        "## DESCRIPTION",
        "",
        "Settings are read from `filterd.toml`, then from `conf.d/*.toml` beside it in lexical order, then",
        "from the environment, then from `--set`; the last one wins, key by key. Lists are replaced. An",
        "unknown key, a wrong type or a value out of range is an error with its file and line; all errors",
        "are reported at once. `filterd config show --origin` says what is in force and what set it.",
        "",
        "In the environment `checks.dnsbl.enabled` is `FILTERD_CHECKS__DNSBL__ENABLED`; the value is written",
        "as in TOML, a text needs no quotes and a list may be `a, b`. With `_FILE` at the end the value is read",
        "from that file: `FILTERD_HTTP__TOKEN_FILE=/run/secrets/token`.",
        "",
        'Durations are numbers of seconds or `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"14d"`, `"1w"`; sizes are bytes',
        'or `"512K"`, `"20M"`, `"1G"`; sockets are `"inet:127.0.0.1:8895"`, `"inet:8895@127.0.0.1"` or',
        '`"unix:/run/filterd/milter.sock"`.',
        "",
        "## SETTINGS",
        "",
    ]
    for item in entries():
        if item.is_table:
            lines += [f"### [{item.key}]", "", item.description, ""]
            continue
        said = [item.kind, *([item.bounds] if item.bounds else [])]
        default_text = f", default `{item.default}`" if item.default else ""
        lines += [
            f"**{item.key}** ({'; '.join(said)}{default_text})",
            f":   {item.description}",
            "",
        ]
    lines += ["## SEE ALSO", "", "filterd(1)"]
    return "\n".join(lines) + "\n"
