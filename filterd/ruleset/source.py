"""source - rule files: TOML text into declarations, with the place of every mistake.

Owns:   Rule, Declarations, read_text, read_files; overriding (the later file wins).
Not here: what a pattern or expression means (program), matching (match, composite).
Rules of this file: any text gives declarations or problems, never an exception; every problem is
        reported, not the first; every limit has a name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from filterd.core.errors import ConfigProblem
from filterd.core.verdict import Action, Reply
from filterd.ruleset.position import Place as Spot
from filterd.ruleset.position import Positions
from filterd.ruleset.scores import Group, Score

MAX_FILE = 4 << 20  # bytes of one rule file
MAX_EXAMPLE = 16_384  # characters of one example
MAX_EXAMPLES = 50  # of one rule
MAX_PATTERNS = 500  # of one rule; more is a list and belongs in a file
MAX_SCORE = 1_000.0  # either way
MAX_DESCRIBE = 500  # characters
MAX_LIST = 10_000  # entries written in the rule itself

_NAME = re.compile(r"_?[A-Z][A-Z0-9_]{0,63}\Z")
_GROUP = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_COUNT = re.compile(r"(>=|<=|==|>|<)?\s*(\d{1,3})\Z")
_REPLY = re.compile(r"([245]\d\d)(?: ([245]\.\d{1,3}\.\d{1,3}))? (.+)\Z", re.DOTALL)

_DEFAULT_REPLIES = {
    Action.REJECT: Reply(550, "5.7.1", ""),
    Action.TEMPFAIL: Reply(451, "4.7.1", ""),
    Action.GREYLIST: Reply(451, "4.7.1", ""),
}


@dataclass(frozen=True, slots=True)
class Example:
    """What a rule is tried on: the text of its place, or a whole message with its envelope."""

    text: str = ""
    message: str | None = None
    client: str = ""
    client_name: str = ""
    helo: str = ""
    mail_from: str = ""
    rcpt: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as declared; exactly one of `match`, `lists`/`entries`, `when` says what it does."""

    name: str
    where: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    count: tuple[str, int] | None = None  # comparison, number
    lists: tuple[str, ...] = ()  # files, relative to the rule file
    entries: tuple[str, ...] = ()
    when: str = ""
    action: Action | None = None
    reply: Reply | None = None
    hit: tuple[Example, ...] = ()
    miss: tuple[Example, ...] = ()
    spot: Origin | None = None

    @property
    def is_part(self) -> bool:
        """For composites only: never reported, never scored."""
        return self.name.startswith("_")


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that says something, and where in it each key stands."""

    file: Path
    path: tuple[str | int, ...]
    positions: Positions

    def problem(self, message: str, *path: str | int, column: int = 0) -> ConfigProblem:
        """A problem with the key at `path` below this table."""
        spot = self.positions.within(column, *self.path, *path)
        return ConfigProblem(str(self.file), str(spot), message)

    @property
    def spot(self) -> Spot:
        return self.positions.place(*self.path)

    def __str__(self) -> str:
        return f"{self.file}:{self.spot.line}"


@dataclass(slots=True)
class Declarations:
    """What the files say, later files over earlier ones."""

    rules: dict[str, Rule] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    origins: dict[str, list[Origin]] = field(default_factory=dict)  # of a symbol, oldest first
    group_origins: dict[str, list[Origin]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    problems: list[ConfigProblem] = field(default_factory=list)

    def origin(self, symbol: str) -> Origin | None:
        """The file that spoke last about the symbol."""
        found = self.origins.get(symbol)
        return found[-1] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean "X"?' for the nearest known word, or ""."""
    near = get_close_matches(word, list(known), 1, 0.7)
    return f'; did you mean "{near[0]}"?' if near else ""


def read_files(paths: Iterable[Path], into: Declarations, *, max_rules: int = 20_000) -> None:
    """Read rule files in their order."""
    for path in paths:
        try:
            if path.stat().st_size > MAX_FILE:
                message = f"larger than {MAX_FILE >> 20} MiB"
                into.problems.append(ConfigProblem(str(path), "", message))
                continue
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or "cannot be read"
            into.problems.append(ConfigProblem(str(path), "", reason))
            continue
        read_text(data, path, into)
        if len(into.rules) > max_rules:
            into.problems.append(
                ConfigProblem(str(path), "", f"more than {max_rules:,} rules (rules.max_rules)")
            )
            return


def read_text(data: bytes | str, file: Path, into: Declarations) -> None:
    """Read one rule file's text; problems are added to `into.problems`."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        into.problems.append(ConfigProblem(str(file), "", f"is not UTF-8 ({error.reason})"))
        return
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = f"{place.group(1)}:{place.group(2)}" if place else "1:1"
        message = re.sub(r" \(at .*\)\Z", "", str(error))
        into.problems.append(ConfigProblem(str(file), where, message))
        return
    except RecursionError:
        into.problems.append(ConfigProblem(str(file), "1:1", "nested too deeply"))
        return
    positions = Positions(text)
    _FileReader(file, positions, into).read(tables)


class _FileReader:
    """Turns the tables of one file into declarations."""

    def __init__(self, file: Path, positions: Positions, into: Declarations) -> None:
        self.file = file
        self.positions = positions
        self.into = into

    def problem(self, message: str, *path: str | int, column: int = 0) -> None:
        spot = self.positions.within(column, *path)
        self.into.problems.append(ConfigProblem(str(self.file), str(spot), message))

    def read(self, tables: Mapping[str, Any]) -> None:
        readers: dict[str, Callable[[str, dict[str, Any]], None]] = {
            "group": self._group,
            "symbol": self._symbol,
            "rule": self._rule,
        }
        for kind, entries in tables.items():
            reader = readers.get(kind)
            if reader is None:
                hint = did_you_mean(kind, readers)
                names = "[rule.NAME], [symbol.NAME] and [group.NAME]"
                self.problem(f'"{kind}" is not known here; there are {names}{hint}', kind)
                continue
            if not isinstance(entries, dict):
                self.problem(f"write it as a table: [{kind}.NAME]", kind)
                continue
            for name, entry in entries.items():
                if not isinstance(entry, dict):
                    self.problem(f"write it as a table: [{kind}.{name}]", kind, name)
                else:
                    reader(name, entry)

    # -- groups and symbols -----------------------------------------------------------------

    def _group(self, name: str, entry: dict[str, Any]) -> None:
        path = ("group", name)
        if not _GROUP.match(name):
            self.problem("a group's name is lower-case letters, digits, - and _", *path)
            return
        self._unknown_keys(entry, ("cap", "describe"), path)
        known = self.into.groups.get(name, Group())
        cap = self._number(entry, "cap", path, known.cap)
        if cap < 0:
            self.problem("a cap is 0 (none) or more", *path, "cap")
        describe = self._text(entry, "describe", path, known.describe)
        self.into.groups[name] = Group(cap, describe)
        origin = Origin(self.file, path, self.positions)
        self.into.group_origins.setdefault(name, []).append(origin)

    def _symbol(self, name: str, entry: dict[str, Any]) -> None:
        path = ("symbol", name)
        if not _NAME.match(name):
            self.problem("a symbol is capital letters, digits and _", *path)
            return
        self._unknown_keys(entry, _SCORE_KEYS, path)
        self._score(name, entry, path)
        self.into.origins.setdefault(name, []).append(Origin(self.file, path, self.positions))

    def _score(self, name: str, entry: dict[str, Any], path: tuple[str, ...]) -> None:
        known = self.into.scores.get(name, Score())
        points = self._number(entry, "score", path, known.points)
        group = self._text(entry, "group", path, known.group)
        mode = self._text(entry, "mode", path, "shadow" if known.shadow else "live")
        if mode not in {"live", "shadow"}:
            self.problem('a mode is "live" or "shadow"', *path, "mode")
        describe = self._text(entry, "describe", path, known.describe)
        if len(describe) > MAX_DESCRIBE:
            self.problem(f"longer than {MAX_DESCRIBE} characters", *path, "describe")
        self.into.scores[name] = Score(points, group, describe, mode == "shadow")

    # -- rules ------------------------------------------------------------------------------

    def _rule(self, name: str, entry: dict[str, Any]) -> None:
        path = ("rule", name)
        if not _NAME.match(name):
            self.problem(
                "a rule's name is capital letters, digits and _ (a leading _ hides it)", *path
            )
            return
        if not self._unknown_keys(entry, _RULE_KEYS, path):
            return
        origin = Origin(self.file, path, self.positions)
        known = self.into.rules.get(name)
        says_what = entry.keys() & {"match", "list", "in", "when"}
        if says_what or known is None:
            fresh = self._fresh(name, entry, path)
            if fresh is None:
                return
            self.into.scores.pop(name, None)
            self.into.rules[name] = replace(fresh, spot=origin)
        else:
            self._patch(known, entry, path)
        self.into.disabled.discard(name)
        if not self._flag(entry, "enabled", path, True):
            self.into.disabled.add(name)
        if not name.startswith("_"):
            self._score(name, entry, path)
        elif entry.keys() & {"score", "group", "action"}:
            self.problem("a rule whose name begins with _ counts nothing by itself", *path)
        self.into.origins.setdefault(name, []).append(origin)

    def _fresh(self, name: str, entry: dict[str, Any], path: tuple[str, ...]) -> Rule | None:
        kinds: list[str] = [key for key in ("match", "when") if key in entry]
        kinds += ["list"] if entry.keys() & {"list", "in"} else []
        if len(kinds) != 1:
            self.problem('a rule has one of "match", "list" (or "in") and "when"', *path)
            return None
        allowed = _KIND_KEYS[kinds[0]] | _COMMON_KEYS
        for key in entry:
            if key not in allowed:
                self.problem(f'"{key}" does not go with "{kinds[0]}"', *path, key)
        where = self._texts(entry, "where", path)
        if kinds[0] != "when" and not where:
            self.problem('say where to look: where = "subject"', *path)
        action, reply = self._action(entry, path)
        return Rule(
            name=name,
            where=where,
            match=self._texts(entry, "match", path, most=MAX_PATTERNS),
            unless=self._texts(entry, "unless", path, most=MAX_PATTERNS),
            count=self._count(entry, path),
            lists=self._texts(entry, "list", path),
            entries=self._texts(entry, "in", path, most=MAX_LIST),
            when=self._text(entry, "when", path, ""),
            action=action,
            reply=reply,
            hit=self._examples(entry, "hit", path),
            miss=self._examples(entry, "miss", path),
        )

    def _patch(self, known: Rule, entry: dict[str, Any], path: tuple[str, ...]) -> None:
        """Change what a later file says of a rule that an earlier one declares."""
        changes: dict[str, Any] = {}
        if entry.keys() & {"action", "reply"}:
            action, reply = self._action(entry, path)
            changes |= {"action": action, "reply": reply}
        for key in ("where", "unless"):
            if key in entry:
                changes[key] = self._texts(entry, key, path)
        if "count" in entry:
            changes["count"] = self._count(entry, path)
        for key in ("hit", "miss"):
            if key in entry:
                changes[key] = (*getattr(known, key), *self._examples(entry, key, path))
        if changes:
            self.into.rules[known.name] = replace(known, **changes)

    def _action(
        self, entry: dict[str, Any], path: tuple[str, ...]
    ) -> tuple[Action | None, Reply | None]:
        name = self._text(entry, "action", path, "")
        if not name:
            if "reply" in entry:
                self.problem(
                    'a reply needs an action, such as action = "reject"', *path, "reply"
                )
            return None, None
        try:
            action = Action(name)
        except ValueError:
            known = [item.value for item in Action]
            hint = did_you_mean(name, known)
            self.problem(f"an action is one of {', '.join(known)}{hint}", *path, "action")
            return None, None
        return action, self._reply(action, entry, path)

    def _reply(
        self, action: Action, entry: dict[str, Any], path: tuple[str, ...]
    ) -> Reply | None:
        text = self._text(entry, "reply", path, "")
        default = _DEFAULT_REPLIES.get(action)
        if not text:
            return default
        if default is None:
            self.problem(f'"{action.value}" sends no reply of its own', *path, "reply")
            return None
        found = _REPLY.match(text)
        reply = Reply(default.code, default.enhanced, text)
        if found:
            code = int(found.group(1))
            enhanced = found.group(2) or default.enhanced
            reply = Reply(code, enhanced, found.group(3))
            if str(code)[0] != str(default.code)[0] or enhanced[0] != str(code)[0]:
                self.problem(
                    f"{action.value} answers with {default.code // 100}xx and "
                    f"{default.code // 100}.x.x",
                    *path,
                    "reply",
                )
        if len(reply.text) > 400 or not reply.text.isprintable() or not reply.text.isascii():
            self.problem("a reply is one line of printable ASCII, at most 400", *path, "reply")
            return default
        return reply

    def _count(self, entry: dict[str, Any], path: tuple[str, ...]) -> tuple[str, int] | None:
        if "count" not in entry:
            return None
        value = entry["count"]
        if isinstance(value, int) and not isinstance(value, bool):
            value = f">= {value}"
        found = _COUNT.match(value) if isinstance(value, str) else None
        number = int(found.group(2)) if found else 0
        if found is None or not 1 <= number <= 99:
            self.problem('a count is a number from 1 to 99, or ">= 3", "== 2"', *path, "count")
            return None
        mark = found.group(1) or ">="
        if mark in {"<", "<="}:
            self.problem("a rule counts what is there; use > or >=", *path, "count")
        return mark, number

    def _examples(
        self, entry: dict[str, Any], key: str, path: tuple[str, ...]
    ) -> tuple[Example, ...]:
        value = entry.get(key, ())
        if not isinstance(value, list | tuple):
            value = [value]
        if len(value) > MAX_EXAMPLES:
            self.problem(f"more than {MAX_EXAMPLES} examples", *path, key)
        examples: list[Example] = []
        for index, item in enumerate(value[:MAX_EXAMPLES]):
            here: tuple[str | int, ...] = (*path, key, index)
            if isinstance(item, str):
                if len(item) > MAX_EXAMPLE:
                    self.problem(f"an example above {MAX_EXAMPLE:,} characters", *here)
                    continue
                examples.append(Example(item))
            elif isinstance(item, dict):
                if not self._unknown_keys(item, _EXAMPLE_KEYS, here):
                    continue
                texts = {k: v for k, v in item.items() if isinstance(v, str)}
                if len(texts) < len(item) or "message" not in item:
                    self.problem('an example table has "message" and is all text', *here)
                elif len(item["message"]) > MAX_EXAMPLE:
                    self.problem(f"an example above {MAX_EXAMPLE:,} characters", *here)
                else:
                    examples.append(Example(**texts))
            else:
                self.problem("an example is a text, or a table with a message", *here)
        return tuple(examples)

    # -- values -----------------------------------------------------------------------------

    def _unknown_keys(
        self, entry: Mapping[str, Any], known: Iterable[str], path: tuple[str | int, ...]
    ) -> bool:
        """True when every key is known."""
        fine = True
        known = tuple(known)
        for key in entry:
            if key not in known:
                hint = did_you_mean(key, known) or f"; there are {', '.join(known)}"
                self.problem(f'"{key}" is not known here{hint}', *path, key)
                fine = False
        return fine

    def _number(
        self, entry: dict[str, Any], key: str, path: tuple[str, ...], default: float
    ) -> float:
        value = entry.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problem(f"expected a number, got {value!r:.60}", *path, key)
            return default
        if not -MAX_SCORE <= value <= MAX_SCORE:
            self.problem(f"expected -{MAX_SCORE:g} to {MAX_SCORE:g}", *path, key)
            return default
        return float(value)

    def _flag(
        self, entry: dict[str, Any], key: str, path: tuple[str, ...], default: bool
    ) -> bool:
        value = entry.get(key, default)
        if not isinstance(value, bool):
            self.problem(f"expected true or false, got {value!r:.60}", *path, key)
            return default
        return value

    def _text(
        self, entry: dict[str, Any], key: str, path: tuple[str, ...], default: str
    ) -> str:
        value = entry.get(key, default)
        if not isinstance(value, str):
            self.problem(f"expected a text in quotes, got {value!r:.60}", *path, key)
            return default
        return value

    def _texts(
        self, entry: dict[str, Any], key: str, path: tuple[str, ...], most: int = 100
    ) -> tuple[str, ...]:
        value = entry.get(key, ())
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            self.problem("expected a text in quotes, or several in [ ]", *path, key)
            return ()
        if len(value) > most:
            self.problem(f"more than {most:,} entries", *path, key)
        if key in entry and not value:
            self.problem("is empty", *path, key)
        return tuple(value[:most])


_SCORE_KEYS = ("score", "group", "describe", "mode")
_COMMON_KEYS = frozenset({*_SCORE_KEYS, "action", "reply", "enabled", "hit", "miss"})
_KIND_KEYS = {
    "match": frozenset({"where", "match", "unless", "count"}),
    "list": frozenset({"where", "list", "in", "unless", "count"}),
    "when": frozenset({"when"}),
}
_RULE_KEYS = ("where", "match", "unless", "count", "list", "in", "when", *sorted(_COMMON_KEYS))
_EXAMPLE_KEYS = ("message", "client", "client_name", "helo", "mail_from", "rcpt")
