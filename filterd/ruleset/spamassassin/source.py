"""source - SpamAssassin rule files: text into rules, scores, lists, and what was left out and why.

Owns:   Rule, Lists, Report, Imported, read.
Not here: what an `if` comes to (condition), tags in patterns (replace), patterns (pattern), places (view).
Syntax: Mail::SpamAssassin::Conf(3pm). Rules of this file: any bytes give an Imported; each directive that
        cannot be carried over is reported with its file and line, none stops the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from filterd.ruleset.spamassassin.condition import has_plugin, holds

MAX_FILE = 16 << 20  # bytes of one file; all of the shipped ones have 2 MB
MAX_LINE = 65_536  # characters
MAX_NAME = 100  # characters of a rule's name, as SpamAssassin has it
MAX_NESTING = 50  # of if
MAX_REPORTS = 10_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_COMMENT = re.compile(r"(?<!\\)#.*")
_HEADER = re.compile(r"([\w.-]+(?::|(?::[A-Za-z]+){1,2})?)\s*([=!]~)\s*(.+)\Z", re.DOTALL)
_EXISTS = re.compile(r"exists:([\w.-]+):?\Z")
_UNSET = re.compile(r"\s+\[if-unset:\s+(.+)\]\Z")
_EVAL = re.compile(r"eval:\s*(\w+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


class Kind(Enum):
    """What a rule looks at."""

    HEADER = "header"
    BODY = "body"
    RAWBODY = "rawbody"
    URI = "uri"
    FULL = "full"
    MIMEHEADER = "mimeheader"
    META = "meta"
    EVAL = "eval"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written; `text` is the pattern with its delimiters, or the expression."""

    name: str
    kind: Kind
    text: str
    file: str
    line: int
    header: str = ""  # with its modifiers, of HEADER and MIMEHEADER
    is_negated: bool = False  # !~
    is_exists: bool = False
    unset: str | None = None  # what to match where there is no such field
    function: str = ""  # of EVAL
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Something that was not carried over."""

    file: str
    line: int
    name: str  # of the rule, or the directive
    reason: str
    is_note: bool = (
        False  # nothing is lost: it has no meaning here, or another part of the filter does it
    )

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}: {self.reason}"


@dataclass(slots=True)
class Lists:
    """Allow and deny lists: patterns of addresses with * and ?."""

    allow_from: list[str] = field(default_factory=list)
    allow_from_auth: list[str] = field(default_factory=list)
    default_allow_from_auth: list[str] = field(default_factory=list)
    deny_from: list[str] = field(default_factory=list)
    allow_to: list[str] = field(default_factory=list)
    deny_to: list[str] = field(default_factory=list)
    more_spam_to: list[str] = field(default_factory=list)
    all_spam_to: list[str] = field(default_factory=list)
    freemail: set[str] = field(default_factory=set)
    named: dict[str, set[str]] = field(default_factory=dict)  # enlist_addrlist


@dataclass(slots=True)
class Imported:
    """All that was read of some files."""

    rules: dict[str, Rule] = field(default_factory=dict)
    scores: dict[str, tuple[float, ...]] = field(default_factory=dict)  # one or four
    describe: dict[str, str] = field(default_factory=dict)
    tflags: dict[str, frozenset[str]] = field(default_factory=dict)
    lists: Lists = field(default_factory=Lists)
    tests: list[tuple[str, bool, str, str, int]] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # tag, pre, inter, post
    replaced: set[str] = field(default_factory=set)
    reports: list[Report] = field(default_factory=list)

    def report(self, rule: Rule, reason: str, *, is_note: bool = False) -> None:
        if len(self.reports) < MAX_REPORTS:
            self.reports.append(Report(rule.file, rule.line, rule.name, reason, is_note))

    def score(self, name: str, column: int) -> float:
        """The points of a rule in one of the four columns; SpamAssassin's defaults without."""
        found = self.scores.get(name)
        if found is not None:
            return found[column] if len(found) == 4 else found[0]
        if name.startswith("T_"):
            return 0.01
        return -1.0 if "nice" in self.tflags.get(name, ()) else 1.0


def read(paths: Iterable[Path]) -> Imported:
    """Read files in their order; later ones win."""
    into = Imported()
    for path in paths:
        try:
            if path.stat().st_size > MAX_FILE:
                into.reports.append(Report(str(path), 0, "file", "is too large"))
                continue
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or "cannot be read"
            into.reports.append(Report(str(path), 0, "file", reason))
            continue
        read_text(data, str(path), into)
    return into


def read_text(data: bytes, file: str, into: Imported) -> None:
    """Read the bytes of one file. They are taken as Latin-1, so that patterns stay bytes."""
    _Reader(file, into).read(data.decode("latin-1"))


class _Reader:
    def __init__(self, file: str, into: Imported) -> None:
        self.file = file
        self.into = into
        self.line = 0
        self.noted: set[str] = set()  # settings without a meaning here, reported once a file
        self.open: list[
            tuple[bool, bool]
        ] = []  # (this branch is read, the branches around it are)

    def read(self, text: str) -> None:
        for number, line in enumerate(text.split("\n"), 1):
            self.line = number
            if len(line) > MAX_LINE:
                self.complain("line", "is too long")
                continue
            line = _COMMENT.sub("", line).replace("\\#", "#").strip()
            if line:
                key, _, value = line.partition(" ")
                if "\t" in key:
                    key, _, value = line.partition("\t")
                self.directive(key.lower(), value.strip())
        if self.open:
            self.complain("if", "is not closed")

    def complain(self, name: str, reason: str, *, is_note: bool = False) -> None:
        if len(self.into.reports) < MAX_REPORTS:
            found = Report(self.file, self.line, name[:MAX_NAME], reason, is_note)
            self.into.reports.append(found)

    def directive(self, key: str, value: str) -> None:
        if key in {"if", "ifplugin", "else", "endif"}:
            self.condition(key, value)
            return
        if self.open and not all(self.open[-1]):
            return
        handler = _DIRECTIVES.get(key)
        if handler is not None:
            handler(self, value)
        elif key not in _SILENT:
            self.complain(key, "this setting is not known here")
        elif key not in self.noted:
            self.noted.add(key)
            self.complain(key, "has no meaning here", is_note=True)

    # -- conditions -------------------------------------------------------------------------

    def condition(self, key: str, value: str) -> None:
        if key in {"else", "endif"}:
            if not self.open:
                self.complain(key, "without an if")
            elif key == "else":
                is_read, around = self.open.pop()
                self.open.append((not is_read, around))
            else:
                self.open.pop()
            return
        if len(self.open) >= MAX_NESTING:
            self.complain(key, f"nested deeper than {MAX_NESTING}")
            self.open.append((False, False))
            return
        around = not self.open or all(self.open[-1])
        if key == "ifplugin":
            is_met: bool | None = has_plugin(value)
        else:
            is_met = holds(value)
        if is_met is None:
            self.complain(key, f"cannot tell {value!r:.80}")
        self.open.append((bool(is_met), around))

    # -- rules ------------------------------------------------------------------------------

    def named(self, value: str) -> tuple[str, str] | None:
        name, _, rest = value.partition(" ")
        if "\t" in name:
            name, _, rest = value.partition("\t")
        if not _NAME.match(name):
            self.complain(name, "is no name for a rule")
            return None
        return name, rest.strip()

    def add(self, kind: Kind, value: str) -> None:
        found = self.named(value)
        if found is None:
            return
        name, text = found
        called = _EVAL.match(text)
        rule = Rule(name, kind, text, self.file, self.line)
        if called is not None and kind is not Kind.META:
            arguments = _arguments(called.group(2) or "")
            rule = Rule(
                name, Kind.EVAL, text, self.file, self.line,
                function=called.group(1), arguments=arguments,
            )  # fmt: skip
        elif kind in {Kind.HEADER, Kind.MIMEHEADER}:
            read_rule = self.header(name, kind, text)
            if read_rule is None:
                return
            rule = read_rule
        self.into.rules[name] = rule

    def header(self, name: str, kind: Kind, text: str) -> Rule | None:
        exists = _EXISTS.match(text)
        if exists is not None:
            return Rule(
                name, kind, "", self.file, self.line, header=exists.group(1), is_exists=True
            )
        found = _HEADER.match(text)
        if found is None:
            self.complain(name, "is no test of a header field")
            return None
        pattern, unset = found.group(3), None
        default = _UNSET.search(pattern)
        if default is not None:
            unset = default.group(1)
            pattern = pattern[: default.start()]
        return Rule(
            name,
            kind,
            pattern,
            self.file,
            self.line,
            header=found.group(1).rstrip(":"),
            is_negated=found.group(2) == "!~",
            unset=unset,
        )

    def score(self, value: str) -> None:
        found = self.named(value)
        if found is None:
            return
        name, text = found
        words = text.split()
        relative = bool(words) and all(word.startswith("(") for word in words)
        try:
            points = tuple(float(word.strip("()")) for word in words)
        except ValueError:
            points = ()
        if len(points) not in {1, 4} or any(not abs(point) <= 1e6 for point in points):
            self.complain(name, "a score is one number or four")
            return
        if relative:
            known = self.into.scores.get(name, (0.0,))
            size = max(len(known), len(points))
            points = tuple(
                (known * 4)[n] + (points * 4)[n] if size == 4 else known[0] + points[0]
                for n in range(size)
            )
        self.into.scores[name] = points

    def description(self, value: str) -> None:
        found = self.named(value)
        if found is not None:
            self.into.describe[found[0]] = found[1][:500]

    def flags(self, value: str) -> None:
        found = self.named(value)
        if found is not None:
            self.into.tflags[found[0]] = frozenset(found[1].split())

    def example(self, value: str) -> None:
        name, _, rest = value.partition(" ")
        outcome, _, text = rest.strip().partition(" ")
        if outcome in {"ok", "fail"} and _NAME.match(name):
            entry = (name, outcome == "ok", text.strip(), self.file, self.line)
            self.into.tests.append(entry)

    # -- replace tags -----------------------------------------------------------------------

    def tag(self, kind: str, value: str) -> None:
        if not value:
            return
        name, *text = value.split(None, 1)
        self.into.tags.setdefault(kind, {})[name] = text[0] if text else ""

    def replace(self, value: str) -> None:
        self.into.replaced.update(value.split())

    # -- lists ------------------------------------------------------------------------------

    def listed(self, entries: list[str], value: str, *, most: int | None = None) -> None:
        words = value.lower().split()
        entries += words[:most] if most else words

    def freemail(self, value: str) -> None:
        self.into.lists.freemail.update(value.lower().split())

    def enlist(self, value: str) -> None:
        name, _, rest = value.partition(" ")
        if name.startswith("(") and name.endswith(")"):
            self.into.lists.named.setdefault(name[1:-1], set()).update(rest.lower().split())
        else:
            self.complain("enlist_addrlist", "needs a (NAME)")


def _arguments(text: str) -> tuple[str, ...]:
    """The arguments of an eval call: texts in quotes, or bare words."""
    found = re.findall(
        r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"\s]+))\s*,?""", text
    )
    return tuple(one or two or three for one, two, three in found)


def _rule(kind: Kind) -> Callable[[_Reader, str], None]:
    return lambda reader, value: reader.add(kind, value)


def _tag_of(kind: str) -> Callable[[_Reader, str], None]:
    return lambda reader, value: reader.tag(kind, value)


def _list_of(name: str, most: int | None = None) -> Callable[[_Reader, str], None]:
    return lambda reader, value: reader.listed(
        getattr(reader.into.lists, name), value, most=most
    )


_DIRECTIVES: dict[str, Callable[[_Reader, str], None]] = {
    **{kind.value: _rule(kind) for kind in Kind if kind is not Kind.EVAL},
    "score": _Reader.score,
    "describe": _Reader.description,
    "tflags": _Reader.flags,
    "test": _Reader.example,
    **{f"replace_{kind}": _tag_of(kind) for kind in ("tag", "pre", "inter", "post")},
    "replace_rules": _Reader.replace,
    "freemail_domains": _Reader.freemail,
    "enlist_addrlist": _Reader.enlist,
    # The _rcvd forms have the relay's name behind the address; without it they would allow too much.
    **{
        f"{old}{rest}": _list_of(field_name)
        for old in ("welcomelist", "whitelist")
        for rest, field_name in {
            "_from": "allow_from",
            "_auth": "allow_from_auth",
            "_from_spf": "allow_from_auth",
            "_from_dkim": "allow_from_auth",
            "_to": "allow_to",
        }.items()
    },
    **{
        f"def_{old}{rest}": _list_of(
            "default_allow_from_auth", 1 if rest == "_from_dkim" else None
        )
        for old in ("welcomelist", "whitelist")
        for rest in ("_auth", "_from_spf", "_from_dkim")
    },
    **{
        f"{old}{rest}": _list_of(field_name)
        for old in ("blocklist", "blacklist")
        for rest, field_name in {"_from": "deny_from", "_to": "deny_to"}.items()
    },
    "more_spam_to": _list_of("more_spam_to"),
    "all_spam_to": _list_of("all_spam_to"),
}

# Settings that have no meaning here, or whose job other parts of the filter do.
_SILENT = frozenset(
    [
        "lang",
        "reuse",
        "util_rb_2tld",
        "util_rb_3tld",
        "util_rb_tld",
        "clear_util_rb",
        "bayes_ignore_header",
        "url_shortener",
        "url_shortener_get",
        "uridnsbl_skip_domain",
        "uridnsbl",
        "uridnssub",
        "urirhssub",
        "urirhsbl",
        "urinsrhssub",
        "urinsrhsbl",
        "urifullnsrhssub",
        "askdns",
        "dns_block_rule",
        "priority",
        "require_version",
        "report",
        "unsafe_report",
        "report_contact",
        "report_safe",
        "required_score",
        "add_header",
        "clear_headers",
        "clear_report_template",
        "clear_unsafe_report_template",
        "redirector_pattern",
        "originating_ip_headers",
        "dns_local_ports_avoid",
        "dns_local_ports_permit",
        "ok_locales",
        "ok_languages",
        "fns_ignore_headers",
        "fns_ignore_dkim",
        "fns_check",
        "adsp_override",
        "shortcircuit",
        "use_bayes",
        "bayes_auto_learn",
        "rewrite_header",
        "trusted_networks",
        "internal_networks",
        "msa_networks",
        "enlist_uri_host",
        "blocklist_uri_host",
        "welcomelist_uri_host",
        "blacklist_uri_host",
        "whitelist_uri_host",
        "bayes_stopword_languages",
        "subjprefix",
        "header_checks",
        "envelope_sender_header",
        "version_tag",
        "loadplugin",
        "tryplugin",
        "include",
        "lock_method",
        "hashbl_acl_freemail",
    ]
)
