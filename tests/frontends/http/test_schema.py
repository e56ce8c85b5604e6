from __future__ import annotations

import pytest

from filterd.frontends.http.guard import Problem
from filterd.frontends.http.schema import LearnRequest, ScanRequest, openapi, to_submission


def test_a_request_is_a_submission() -> None:
    given = ScanRequest.model_validate(
        {"client": "2001:db8::1", "from": "<a@b.example>", "to": ("c@d.example",)}
    )
    found = to_submission(given, b"A: b\n\nx\n")
    assert str(found.session.client) == "2001:db8::1"
    assert found.reverse_path == "a@b.example"
    assert found.message.body == b"x\r\n"


def test_a_client_that_is_no_address_is_a_problem() -> None:
    with pytest.raises(Problem) as caught:
        to_submission(ScanRequest.model_validate({"client": "mx"}), b"x")
    assert caught.value.status == 422


def test_every_field_of_a_request_is_described() -> None:
    schemas = openapi()["components"]["schemas"]
    for model in (ScanRequest, LearnRequest):
        properties = schemas[model.__name__]["properties"]
        assert [
            name for name, field in properties.items() if not field.get("description")
        ] == []
    assert "from" in schemas["ScanRequest"]["properties"]
