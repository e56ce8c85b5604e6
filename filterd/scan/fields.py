"""fields - the verdict as header fields: what is removed, what is added, how it is folded.

Owns:   every field name this filter adds or removes.
Rules of this file: exactly one Authentication-Results of ours, on top (RFC 8601 5); arriving ones that
        claim our authserv-id go, others stay. Arriving X-Spam fields go before ours come. Values are
        ASCII without control characters; lines are folded with LF + TAB (libmilter's form).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from filterd.core.evidence import Note
from filterd.core.verdict import (
    Action,
    DeleteField,
    Edit,
    Hold,
    InsertField,
    ReplaceField,
    Verdict,
)
from filterd.limits import LIMITS
from filterd.mail.authres import claims_authserv_id
from filterd.mail.header import Field, Header
from filterd.scan.settings import FieldSettings

SPAM_FIELDS = ("X-Spam-Flag", "X-Spam-Status", "X-Spam-Score", "X-Spam-Level")
OBSERVE_FIELD = "X-Filterd-Would"
_LINE = 77  # and a tab: RFC 5322 2.1.1 wants 78 and the CRLF
_MAX_LEVEL = 50
_MAX_TESTS = 150  # more hits than this are shown as one sum, so that the field stays small
_MAX_FAILURE = 200  # characters of one reason; the whole line stays below RFC 5322's 998
_MAX_FAILURES = 20
_UNSAFE = re.compile(r"[^ -~]")
_SPAM_ACTIONS = frozenset({Action.TAG, Action.QUARANTINE, Action.REJECT, Action.DISCARD})


def clean(text: str) -> str:
    """The text without anything that could start a new line or field; ASCII only."""
    return _UNSAFE.sub("?", text)


def fold(name: str, value: str) -> str:
    """Fold the one-line value of that field at spaces: no line passes 78 where a space allows it."""
    lines: list[str] = []
    room = max(_LINE - len(name) - 1, 0)  # of the first line; the others begin with a tab
    rest = value
    while len(rest) > room:
        least = len(rest) - len(rest.lstrip()) + 1  # no line of nothing but white space
        space = rest.rfind(" ", least, room + 1)
        if space < 0:
            space = rest.find(" ", least)
            if space < 0:
                break
        lines.append(rest[:space])
        rest, room = rest[space + 1 :], _LINE
    lines.append(rest)
    return "\n\t".join(lines)


def removals(
    header: Header, authserv_id: str, settings: FieldSettings
) -> Iterable[DeleteField]:
    """Arriving fields that must not be taken for ours; counted as they arrived, last first.

    Last first, because each removal renumbers those below it in some MTAs.
    """
    found: list[DeleteField] = []
    if settings.authentication_results:
        found.extend(
            DeleteField("Authentication-Results", number)
            for number, field in enumerate(header.all("authentication-results"), start=1)
            if claims_authserv_id(field.value, authserv_id)
        )
    if settings.remove_spam:
        found.extend(
            DeleteField(name, number)
            for name in (*SPAM_FIELDS, OBSERVE_FIELD)
            for number in range(1, len(header.all(name)) + 1)
        )
    return reversed(found)


def are_too_many(header: Header, authserv_id: str, settings: FieldSettings) -> bool:
    """Whether more of the arriving fields must be removed than an MTA can do in bounded time."""
    if len(header) <= LIMITS.removals:
        return False
    return sum(1 for _ in removals(header, authserv_id, settings)) > LIMITS.removals


def status_value(verdict: Verdict) -> str:
    """The body of X-Spam-Status; its tests add up to its score."""
    is_spam = _is_spam(verdict)
    required = dict(verdict.thresholds).get("tag", 0.0)
    shown = [hit for hit in verdict.hits if hit.points or hit.shadow or len(verdict.hits) < 40]
    tests = [f"{hit.symbol}={hit.points:.2f}" for hit in shown[:_MAX_TESTS]]
    rest = shown[_MAX_TESTS:]
    if rest:
        tests.append(f"OTHERS={sum(hit.points for hit in rest):.2f}")
    parts = [
        "Yes," if is_spam else "No,",
        f"score={verdict.score:.2f}",
        f"required={required:.2f}",
        f"tests={', '.join(tests) if tests else 'none'}",
        f"action={verdict.action.value}",
        f"profile={verdict.profile}",
    ]
    if verdict.failures:
        shown_failures = (clean(f)[:_MAX_FAILURE] for f in verdict.failures[:_MAX_FAILURES])
        parts.append(f"incomplete={', '.join(shown_failures)}")
    if verdict.marks:
        parts.append(f"marks={', '.join(clean(m) for m in verdict.marks)}")
    parts.append(f"why={verdict.why_id}")
    return " ".join(parts)


def _is_spam(verdict: Verdict) -> bool:
    required = dict(verdict.thresholds).get("tag", 0.0)
    return verdict.action in _SPAM_ACTIONS or (bool(required) and verdict.score >= required)


def edits(
    verdict: Verdict,
    header: Header,
    notes: Iterable[Note],
    settings: FieldSettings,
    authserv_id: str,
) -> tuple[Edit, ...]:
    """Everything to change about a message that goes on (accept, tag, quarantine)."""
    if verdict.would is not None:
        body = f"action={verdict.would.value} {status_value(verdict)}"
        return (InsertField(OBSERVE_FIELD, fold(OBSERVE_FIELD, body), 0),)
    changes: list[Edit] = list(removals(header, authserv_id, settings))
    is_spam = _is_spam(verdict)
    added: list[InsertField] = []
    if settings.spam == "always" or (settings.spam == "tagged" and is_spam):
        if is_spam:
            added.append(InsertField("X-Spam-Flag", "YES", 0))
        added.append(InsertField("X-Spam-Score", f"{verdict.score:.2f}", 0))
        level = "*" * min(_MAX_LEVEL, max(0, int(verdict.score)))
        if level:
            added.append(InsertField("X-Spam-Level", level, 0))
        status = fold("X-Spam-Status", status_value(verdict))
        added.append(InsertField("X-Spam-Status", status, 0))
    added.extend(
        InsertField(note.name, fold(note.name, clean(note.value)), 0) for note in notes
    )
    if settings.authentication_results and verdict.authentication_results:
        # inserted last at index 0, so that it stands above the others
        value = fold("Authentication-Results", verdict.authentication_results)
        added.append(InsertField("Authentication-Results", value, 0))
    changes.extend(added)
    if is_spam and settings.subject_tag:
        changes.extend(_tag_subject(header, settings.subject_tag))
    if verdict.action is Action.QUARANTINE:
        changes.append(Hold(clean(verdict.decisive)[:200]))
    return tuple(changes)


def _tag_subject(header: Header, tag: str) -> Iterable[Edit]:
    field = header.first("subject")
    if field is None:
        yield InsertField("Subject", tag.strip())
    elif not field.value.startswith(tag.strip()):
        yield ReplaceField("Subject", 1, tag + _as_folded(field))


def _as_folded(field: Field) -> str:
    """The value with its own folds, as LF; bytes that are not UTF-8 are read as Latin-1."""
    raw = field.raw.strip(b" \t\r\n").replace(b"\r\n", b"\n")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
