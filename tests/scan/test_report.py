from __future__ import annotations

import json

from filterd.core.verdict import (
    Action,
    DeleteField,
    Hold,
    InsertField,
    ReplaceField,
    Reply,
    ScoredHit,
    Verdict,
)
from filterd.mail.authres import AuthResult, Property
from filterd.scan.report import plain_verdict

VERDICT = Verdict(
    Action.QUARANTINE,
    12.5,
    "WHY1",
    reply=Reply(250, "2.0.0", "held"),
    hits=(ScoredHit("A", 12.5, "detail", "g", "words", (("token", 1.0),)), ScoredHit("S", 0.0)),
    auth_results=(
        AuthResult("spf", "pass", "because", (Property("smtp", "mailfrom", "a@b.example"),)),
    ),
    authentication_results="mx; spf=pass",
    edits=(
        DeleteField("X", 2),
        InsertField("Y", "v", 0),
        ReplaceField("Subject", 1, "s"),
        Hold("why"),
    ),
    thresholds=(("tag", 6.0),),
)


def test_every_promised_key_is_there_and_it_is_json() -> None:
    plain = plain_verdict(VERDICT)
    assert json.loads(json.dumps(plain)) == plain
    assert {
        "action",
        "reply",
        "score",
        "hits",
        "auth_results",
        "authentication_results",
        "fields",
        "milliseconds",
    } <= set(plain)
    assert plain["reply"] == {"code": 250, "enhanced": "2.0.0", "text": "held"}
    assert plain["hits"][0]["symbol"] == "A"
    assert plain["hits"][0]["score"] == 12.5
    assert plain["auth_results"][0]["properties"] == {"smtp.mailfrom": "a@b.example"}
    assert plain["fields"] == [{"name": "Y", "value": "v", "index": 0}]
    assert len(plain["edits"]) == 3


def test_a_message_that_goes_on_has_a_reply_too() -> None:
    reply = plain_verdict(Verdict(Action.ACCEPT, 0.0, "W"))["reply"]
    assert reply == {"code": 250, "enhanced": "2.0.0", "text": "Accepted (why W)"}
