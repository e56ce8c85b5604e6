"""openapi - the description of the interface for programs (OpenAPI 3.1).

Owns:   openapi.
Not here: the requests themselves (schema), what answers them (api).
"""

from __future__ import annotations

from typing import Any

import filterd
from filterd.frontends.http.schema import LearnRequest, ScanRequest


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything under /v1 and the service endpoints."""
    problem = {"$ref": "#/components/schemas/Problem"}
    errors = {
        str(status): {"description": text, "content": {"application/json": {"schema": problem}}}
        for status, text in _STATUSES.items()
    }

    def operation(
        summary: str,
        answer: dict[str, Any],
        *,
        body: str = "",
        parameters: list[dict[str, Any]] | None = None,
        fails: tuple[int, ...] = (401, 403),
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "summary": summary,
            "responses": {
                "200": {"description": "Done.", "content": answer},
                **{str(status): errors[str(status)] for status in fails},
            },
        }
        if body:
            schema = {"$ref": f"#/components/schemas/{body}"}
            found["requestBody"] = {
                "required": True,
                "content": {
                    "application/json": {"schema": schema},
                    "multipart/form-data": {"schema": schema},
                    "message/rfc822": {"schema": {"type": "string", "format": "binary"}},
                },
            }
        if parameters:
            found["parameters"] = parameters
        return found

    def json_of(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    def query(name: str, text: str, kind: str = "string") -> dict[str, Any]:
        return {"name": name, "in": "query", "description": text, "schema": {"type": kind}}

    reading = (400, 401, 403, 408, 413, 422, 503)
    envelope = [
        query(field.alias or name, field.description or "")
        for name, field in ScanRequest.model_fields.items()
        if not name.startswith("message")
    ]
    identifier = {
        "name": "id", "in": "path", "required": True, "schema": {"type": "string"},
        "description": "Queue-id or why-id.",
    }  # fmt: skip
    search = [
        query("from", "Reverse-path or author: address or @domain."),
        query("to", "Recipient: address or @domain."),
        query("client", "Address of the client."),
        query("symbol", "A symbol that was hit."),
        query("action", "What was done."),
        query("since", "Seconds since the epoch.", "number"),
        query("until", "Seconds since the epoch.", "number"),
        query("limit", "At most so many (1 to 1000).", "integer"),
    ]
    anything = {"application/json": {"schema": {"type": "object"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "filterd",
            "version": filterd.__version__,
            "description": "Scan mail, teach the classifier, ask why.",
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": {
            "/v1/scan": {
                "post": operation(
                    "Scan a message as the milter would.",
                    json_of("Verdict"),
                    body="ScanRequest",
                    parameters=envelope,
                    fails=reading,
                )
            },
            "/v1/learn": {
                "post": operation(
                    "Say what a message is; in force at once.",
                    json_of("Learned"),
                    body="LearnRequest",
                    parameters=[query("label", "spam or ham"), query("user", "Who says so.")],
                    fails=reading,
                )
            },
            "/v1/verdicts": {
                "get": operation(
                    "Search past verdicts, newest first.",
                    anything,
                    parameters=search,
                    fails=(401, 403, 422, 503),
                )
            },
            "/v1/verdicts/{id}": {
                "get": operation(
                    "Everything about one past verdict.",
                    json_of("Record"),
                    parameters=[identifier],
                    fails=(401, 403, 404, 503),
                )
            },
            "/v1/status": {"get": operation("What runs, with what.", anything)},
            "/metrics": {
                "get": operation(
                    "Prometheus metrics.", {"text/plain": {"schema": {"type": "string"}}}
                )
            },
            "/healthz": {"get": operation("Alive?", anything, fails=())},
            "/readyz": {"get": operation("Ready to judge mail?", anything, fails=(503,))},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
            "schemas": {
                "ScanRequest": ScanRequest.model_json_schema(),
                "LearnRequest": LearnRequest.model_json_schema(),
                "Verdict": _VERDICT,
                "Record": _RECORD,
                "Learned": {
                    "type": "object",
                    "required": ["outcome"],
                    "properties": {"outcome": {"enum": ["learned", "changed", "known"]}},
                },
                "Problem": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["code", "message"],
                            "properties": {
                                "code": {"type": "string"},
                                "message": {"type": "string"},
                            },
                        }
                    },
                },
            },
        },
    }


_STATUSES = {
    400: "The body cannot be read.",
    401: "The token is missing or wrong.",
    403: "Not from there.",
    404: "There is no such verdict.",
    408: "The body took too long.",
    413: "The body is too large.",
    422: "Something in the request is wrong; all of it is named.",
    503: "Not possible now, or switched off.",
}
_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_TEXTS = {"type": "array", "items": _TEXT}
_ACTION = {"enum": ["accept", "tag", "greylist", "tempfail", "quarantine", "reject", "discard"]}
_REPLY = {
    "type": ["object", "null"],
    "required": ["code", "enhanced", "text"],
    "properties": {"code": {"type": "integer"}, "enhanced": _TEXT, "text": _TEXT},
}
_HITS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["symbol", "score", "detail"],
        "properties": {"symbol": _TEXT, "score": _NUMBER, "detail": _TEXT},
    },
}
_RESULTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["method", "result", "reason", "properties"],
        "properties": {
            "method": _TEXT,
            "result": _TEXT,
            "reason": _TEXT,
            "properties": {"type": "object", "additionalProperties": _TEXT},
        },
    },
}
_COMMON = {
    "action": _ACTION,
    "reply": _REPLY,
    "score": _NUMBER,
    "decisive": _TEXT,
    "hits": _HITS,
    "auth_results": _RESULTS,
    "profile": _TEXT,
    "stage": _TEXT,
    "failures": _TEXTS,
    "marks": _TEXTS,
    "why": _TEXT,
    "milliseconds": _NUMBER,
}
_VERDICT = {
    "type": "object",
    "required": [*_COMMON, "authentication_results", "fields"],
    "properties": {
        **_COMMON,
        "authentication_results": _TEXT,
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"name": _TEXT, "value": _TEXT},
            },
        },
    },
}
_RECORD = {
    "type": "object",
    "required": [*_COMMON, "turning", "time", "client", "from", "to"],
    "properties": {
        **_COMMON,
        "turning": _TEXT,
        "time": _TEXT,
        "client": _TEXT,
        "from": _TEXT,
        "to": _TEXTS,
    },
}
