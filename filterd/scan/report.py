"""report - a verdict as plain values: the one JSON shape of the CLI, HTTP and history.

Owns:   plain_verdict. Keys are promises to scripts; new ones may come, none goes or changes meaning.
"""

from __future__ import annotations

from typing import Any

from filterd.core.verdict import DeleteField, Hold, InsertField, ReplaceField, Verdict


def plain_verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON values: what was decided, why, and what would be done to the message."""
    reply = verdict.reply
    return {
        "action": verdict.action.value,
        "reply": None
        if reply is None
        else {"code": reply.code, "enhanced": reply.enhanced, "text": reply.text},
        "score": verdict.score,
        "thresholds": dict(verdict.thresholds),
        "decisive": verdict.decisive,
        "would": None if verdict.would is None else verdict.would.value,
        "hits": [
            {
                "symbol": hit.symbol,
                "score": hit.points,
                "detail": hit.detail,
                "group": hit.group,
                "describe": hit.describe,
                **({"shadow": True} if hit.shadow else {}),
                **(
                    {"parts": [[name, points] for name, points in hit.parts]}
                    if hit.parts
                    else {}
                ),
            }
            for hit in verdict.hits
        ],
        "auth_results": [
            {
                "method": result.method,
                "result": result.result,
                "reason": result.reason,
                "properties": {f"{p.ptype}.{p.name}": p.value for p in result.properties},
                "comment": result.comment,
            }
            for result in verdict.auth_results
        ],
        "authentication_results": verdict.authentication_results,
        "fields": [
            {"name": edit.name, "value": edit.value, "index": edit.index}
            for edit in verdict.edits
            if isinstance(edit, InsertField)
        ],
        "edits": [
            _plain_edit(edit) for edit in verdict.edits if not isinstance(edit, InsertField)
        ],
        "profile": verdict.profile,
        "stage": verdict.stage,
        "failures": list(verdict.failures),
        "marks": list(verdict.marks),
        "delayed": verdict.delayed,
        "why": verdict.why_id,
        "milliseconds": round(verdict.milliseconds, 2),
        "spans": [
            {"name": s.name, "stage": s.stage, "milliseconds": round(s.milliseconds, 3)}
            for s in verdict.spans
        ],
    }


def _plain_edit(edit: DeleteField | ReplaceField | Hold) -> dict[str, Any]:
    match edit:
        case DeleteField(name, occurrence):
            return {"delete": name, "occurrence": occurrence}
        case ReplaceField(name, occurrence, value):
            return {"replace": name, "occurrence": occurrence, "value": value}
        case Hold(reason):
            return {"hold": reason}
