"""manifest - what a model is, in a TOML file beside its arrays.

Owns:   Manifest, ArrayFile; reading with every doubt an error, writing the same bytes for the same facts.
A model is a folder: manifest.toml and .npy files. No pickle, no code; the manifest names each file, its
size, shape, type and SHA-256, and nothing is used that does not agree (classify.model).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filterd.core.errors import ConfigError, ConfigProblem

FILE = "manifest.toml"
FORMAT = 1
MAX_BYTES = 256 << 10  # of a manifest

Scalar = str | int | float | bool


class ArrayFile(BaseModel):
    """One .npy file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}\.npy$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Calibration(BaseModel):
    """log odds of spam = slope * score + intercept."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slope: float = Field(default=0.4, gt=0, le=100)
    intercept: float = Field(default=0.4, ge=-100, le=100)


class Manifest(BaseModel):
    """The facts of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: int = Field(ge=FORMAT, le=FORMAT)
    id: str = Field(pattern=r"^[0-9a-f]{12,64}$")
    created: str = Field(default="", max_length=40)
    feature_version: int
    bits: int = Field(ge=8, le=20)
    views: list[str] = Field(min_length=1, max_length=16)
    scales: list[float]
    weights: ArrayFile
    counts: ArrayFile | None = None  # naive Bayes: messages of each class that hold a slot
    messages_spam: int = Field(default=0, ge=0)  # that trained it
    messages_ham: int = Field(default=0, ge=0)
    bayes_spam: float = Field(default=0, ge=0)  # totals that belong to `counts`
    bayes_ham: float = Field(default=0, ge=0)
    bayes_weights: list[float] = Field(default=[0.0, 0.0], min_length=2, max_length=2)
    journal_position: int = Field(default=0, ge=0)  # labels up to here are in the weights
    calibration: Calibration = Calibration()
    trained_on: list[dict[str, Scalar]] = Field(default=[], max_length=1_000)
    measured: dict[str, float] = {}
    notes: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    problems: list[ConfigProblem] = field(default_factory=list)

    def fail(self, where: str, message: str) -> ConfigError:
        return ConfigError([ConfigProblem(str(self.path), where, message)])


def load(folder: Path) -> Manifest:
    """The manifest of a model folder; ConfigError with every problem otherwise."""
    path = folder / FILE
    place = _Place(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise place.fail("", f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise place.fail("", f"is larger than {MAX_BYTES} bytes; not a manifest")
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise place.fail("", f"is not TOML: {error}") from error
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise ConfigError(
            ConfigProblem(str(path), ".".join(map(str, item["loc"])), item["msg"])
            for item in error.errors()
        ) from error


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; the same facts give the same bytes."""
    plain = manifest.model_dump(exclude_none=True)
    lines: list[str] = []
    tables: list[tuple[str, Mapping[str, Scalar]]] = []
    for key, value in plain.items():
        if isinstance(value, dict):
            tables.append((f"[{key}]", value))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables.extend((f"[[{key}]]", item) for item in value)
        elif isinstance(value, list):
            lines.append(f"{key} = [{', '.join(map(_text, value))}]")
        else:
            lines.append(f"{key} = {_text(value)}")
    for heading, table in tables:
        lines += ["", heading, *(f"{_key(key)} = {_text(item)}" for key, item in table.items())]
    (folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _key(key: str) -> str:
    return (
        key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _text(key)
    )


def _text(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return '"' + "".join(c if c >= " " and c != "\x7f" else " " for c in escaped) + '"'
        case float():
            return repr(round(value, 10))
        case int():
            return str(value)
