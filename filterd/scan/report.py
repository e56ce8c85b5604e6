"""report - verdicts and records as plain values: the one JSON shape of the CLI and HTTP.

Owns:   plain_verdict, plain_record. Keys are promises to scripts; new ones may come, none goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from filterd.core.verdict import (
    DeleteField,
    Hold,
    InsertField,
    ReplaceField,
    Reply,
    ScoredHit,
    Span,
    Verdict,
)
from filterd.scan.explain import turning

if TYPE_CHECKING:
    from filterd.core.history import VerdictRecord
    from filterd.mail.authres import AuthResult


def plain_verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON values: what was decided, why, and what would be done to the message."""
    return {
        "action": verdict.action.value,
        "reply": _reply(verdict.reply or _accepted(verdict.why_id)),
        "score": verdict.score,
        "thresholds": dict(verdict.thresholds),
        "decisive": verdict.decisive,
        "would": None if verdict.would is None else verdict.would.value,
        "hits": _hits(verdict.hits),
        "auth_results": _results(verdict.auth_results),
        "authentication_results": verdict.authentication_results,
        "fields": [
            {"name": edit.name, "value": edit.value, "index": edit.index}
            for edit in verdict.edits
            if isinstance(edit, InsertField)
        ],
        "edits": [_edit(edit) for edit in verdict.edits if not isinstance(edit, InsertField)],
        "profile": verdict.profile,
        "stage": verdict.stage,
        "failures": list(verdict.failures),
        "marks": list(verdict.marks),
        "delayed": verdict.delayed,
        "why": verdict.why_id,
        "milliseconds": round(verdict.milliseconds, 2),
        "spans": _spans(verdict.spans),
    }


def plain_record(record: VerdictRecord) -> dict[str, Any]:
    """A recorded verdict as JSON values, and what would have turned it."""
    return {
        "why": record.why_id,
        "queue_id": record.queue_id,
        "time": datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds"),
        "action": record.action.value,
        "reply": _reply(record.reply),
        "score": record.score,
        "thresholds": dict(record.thresholds),
        "decisive": record.decisive,
        "turning": turning(record),
        "would": None if record.would is None else record.would.value,
        "profile": record.profile,
        "stage": record.stage,
        "client": record.client,
        "client_name": record.client_name,
        "helo": record.helo,
        "tls": record.tls,
        "auth_user": record.auth_user,
        "from": record.sender,
        "to": list(record.recipients),
        "recipients": record.recipient_count,
        "author": record.author,
        "subject": record.subject,
        "size": record.size,
        "hits": _hits(record.hits),
        "auth_results": _results(record.auth_results),
        "failures": list(record.failures),
        "marks": list(record.marks),
        "delayed": record.delayed,
        "milliseconds": round(record.milliseconds, 2),
        "spans": _spans(record.spans),
    }


def _accepted(why_id: str) -> Reply:
    """What stands for the reply that an MTA words itself."""
    return Reply(250, "2.0.0", f"Accepted (why {why_id})")


def _reply(reply: Reply | None) -> dict[str, Any] | None:
    if reply is None:
        return None
    return {"code": reply.code, "enhanced": reply.enhanced, "text": reply.text}


def _hits(hits: Iterable[ScoredHit]) -> list[dict[str, Any]]:
    return [
        {
            "symbol": hit.symbol,
            "score": hit.points,
            "detail": hit.detail,
            "group": hit.group,
            "describe": hit.describe,
            **({"shadow": True} if hit.shadow else {}),
            **({"parts": [[name, points] for name, points in hit.parts]} if hit.parts else {}),
        }
        for hit in hits
    ]


def _results(results: Iterable[AuthResult]) -> list[dict[str, Any]]:
    return [
        {
            "method": result.method,
            "result": result.result,
            "reason": result.reason,
            "properties": {f"{p.ptype}.{p.name}": p.value for p in result.properties},
            "comment": result.comment,
        }
        for result in results
    ]


def _spans(spans: Iterable[Span]) -> list[dict[str, Any]]:
    return [
        {"name": s.name, "stage": s.stage, "milliseconds": round(s.milliseconds, 3)}
        for s in spans
    ]


def _edit(edit: DeleteField | ReplaceField | Hold) -> dict[str, Any]:
    match edit:
        case DeleteField(name, occurrence):
            return {"delete": name, "occurrence": occurrence}
        case ReplaceField(name, occurrence, value):
            return {"replace": name, "occurrence": occurrence, "value": value}
        case Hold(reason):
            return {"hold": reason}
