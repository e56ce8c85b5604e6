"""decode - a table of plain values to a settings tree, strictly, with every mistake at once.

Owns:   decode, the wording of mistakes, "did you mean".
Rules of this file: what TOML says is taken at its word: no text where a number belongs, no number for
        a flag, no key that nobody reads. All problems are reported, never only the first.
Not here: where values come from (config.load), what the settings are (config.settings).
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from filterd.core.errors import ConfigError, ConfigProblem

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
Locate = Callable[[str], str]

SECRET_KEYS = ("password", "secret", "token", "url")  # never echoed in a message
_SHOWN = 60  # characters of a wrong value shown
_WORDS = {
    "missing": "this key is required",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected a text in quotes",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "set_type": "expected a list",
    "frozen_set_type": "expected a list",
    "model_type": "expected a table",
    "dict_type": "expected a table",
    "finite_number": "expected a finite number",
}
_RANGES = {
    "greater_than_equal": ("must be at least", "ge"),
    "greater_than": ("must be more than", "gt"),
    "less_than_equal": ("must be at most", "le"),
    "less_than": ("must be less than", "lt"),
}


def decode(
    model: type[Model], table: Mapping[str, Any], locate: Locate = lambda _key: ""
) -> Model:
    """Return the settings of `table`; ConfigError with every problem.

    `locate` says in which file a dotted key was set ("" when unknown).
    """
    problems: dict[str, ConfigProblem] = {}

    def wrong(key: str, value: Any, expected: str) -> None:
        text = f"expected {expected}, got {_show(key, value)}"
        problems[key] = ConfigProblem(locate(key), key, text)

    plain = _typable("", table, wrong)
    try:
        # Through JSON, because pydantic's strict mode then still takes an array for a tuple and a
        # text for a path or an enum, and refuses everything else that is not what it says.
        settings = model.model_validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        for problem in _problems(model, plain, error, locate):
            problems.setdefault(problem.where, problem)
    if problems:
        raise ConfigError(problems.values())
    return settings


def _typable(prefix: str, value: Any, wrong: Callable[[str, Any, str], None]) -> Any:
    """`value` with null for what TOML has and no setting takes: dates, infinities, NaN."""
    match value:
        case Mapping():
            return {
                key: _typable(f"{prefix}.{key}" if prefix else str(key), item, wrong)
                for key, item in value.items()
            }
        case list():
            return [
                _typable(f"{prefix}[{index}]", item, wrong) for index, item in enumerate(value)
            ]
        case float() if not math.isfinite(value):
            wrong(prefix, value, "a finite number")
        case str() if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            wrong(prefix, "a lone surrogate", "a text of whole characters")
        case str() | int() | float() | None:
            return value
        case _:
            wrong(prefix, value, "a text, a number or a list")
    return None


def _problems(
    model: type[BaseModel], table: Mapping[str, Any], error: ValidationError, locate: Locate
) -> list[ConfigProblem]:
    found: dict[str, list[str]] = {}
    errors = error.errors(include_url=False)
    for item in errors:
        if item["type"] == "too_short" and any(item["loc"] == e["loc"][:-1] for e in errors):
            continue  # short only by the entries that are wrong
        at = _walk(table, item["loc"], keep_last=item["type"] == "missing")
        key = dotted(at)
        words = _word(
            model, at, key, item["type"], item["msg"], item.get("ctx", {}), item["input"]
        )
        if words not in found.setdefault(key, []):
            found[key].append(words)  # the arms of a union each complain
    return [ConfigProblem(locate(key), key, " or ".join(words)) for key, words in found.items()]


def dotted(location: Location) -> str:
    """The key as an admin writes it: checks.dnsbl.lists[2].weight."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _walk(table: Any, location: Location, *, keep_last: bool) -> Location:
    """`location` without pydantic's union tags: only what the table has (or lacks, at the end)."""
    kept: list[str | int] = []
    for index, part in enumerate(location):
        try:
            table = table[part]
        except (TypeError, KeyError, IndexError):
            if not keep_last or index < len(location) - 1:
                continue
        kept.append(part)
    return tuple(kept)


def _word(
    model: type[BaseModel],
    at: Location,
    key: str,
    kind: str,
    message: str,
    context: Mapping[str, Any],
    value: Any,
) -> str:
    if kind == "extra_forbidden":
        return "unknown key" + _did_you_mean(model, at)
    if kind == "missing":
        return _WORDS[kind]
    got = f", got {_show(key, value)}"
    if kind in _RANGES:
        words, bound = _RANGES[kind]
        return f"{words} {_plain(context[bound])}{got}"
    if kind in {"too_short", "too_long"}:
        words, bound = (
            ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        )
        return (
            f"expected at {words} {context[bound]} in the list, got {context['actual_length']}"
        )
    if kind in {"value_error", "assertion_error"}:
        text = str(context.get("error", message))
        return text if " got " in text or isinstance(value, Mapping) else text + got
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"])
        near = get_close_matches(
            str(value), expected.replace("'", "").replace(" or ", ", ").split(", "), 1
        )
        return f"expected {expected}{got}" + (f'; did you mean "{near[0]}"?' if near else "")
    words = _WORDS.get(kind) or message.replace("Input should be", "expected").rstrip(".")
    return words + got


def _plain(number: Any) -> str:
    return (
        str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)
    )


def _show(key: str, value: Any) -> str:
    if any(word in key.rpartition(".")[2].lower() for word in SECRET_KEYS):
        return "something else"
    match value:
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case _:
            text = json.dumps(value, default=str, ensure_ascii=False)
            return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


# -- did you mean --------------------------------------------------------------------------------


def _did_you_mean(model: type[BaseModel], at: Location) -> str:
    wrong = str(at[-1])
    known = keys_at(model, at[:-1])
    near = get_close_matches(wrong.lower(), known, 1, cutoff=0.6)
    if near:
        return f'; did you mean "{dotted((*at[:-1], near[0]))}"?'
    elsewhere = [key for key in all_keys(model) if key.rpartition(".")[2] == wrong]
    if elsewhere:
        return f'; did you mean "{elsewhere[0]}"?'
    return f"; known here: {', '.join(sorted(known))}" if 0 < len(known) <= 12 else ""


def keys_at(model: type[BaseModel], at: Iterable[str | int]) -> list[str]:
    """The keys known in the table at that place; empty when any key is."""
    return [
        name
        for annotation in annotation_at(model, at)
        for item in arms(annotation)
        for name in _names(item)
    ]


def annotation_at(model: type[BaseModel], at: Iterable[str | int]) -> list[Any]:
    """The types that may stand at that place; empty when no such place is known."""
    here: list[Any] = [model]
    for part in at:
        here = [below for annotation in here for below in _step(annotation, part)]
    return here


def all_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key of the tree that has a name of its own (no map entries, no list items)."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key
        for arm in arms(field.annotation):
            if isinstance(arm, type) and issubclass(arm, BaseModel):
                yield from all_keys(arm, f"{key}.")


def arms(annotation: Any) -> list[Any]:
    """The alternatives of a union (or the one type), without Annotated."""
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return [arm for part in get_args(annotation) for arm in arms(part)]
    if hasattr(annotation, "__metadata__"):
        return arms(get_args(annotation)[0])
    return [annotation]


def _names(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [field.alias or name for name, field in annotation.model_fields.items()]
    return []


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    for arm in arms(annotation):
        origin, inner = get_origin(arm), get_args(arm)
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            if part in arm.model_fields:
                yield arm.model_fields[str(part)].annotation
        elif inner and isinstance(origin, type) and issubclass(origin, Mapping):
            yield inner[1]
        elif inner and isinstance(part, int):
            yield inner[0]
