from __future__ import annotations

from filterd.frontends.http.openapi import openapi
from filterd.frontends.http.schema import LearnRequest, ScanRequest


def test_every_field_of_a_request_is_described() -> None:
    schemas = openapi()["components"]["schemas"]
    for model in (ScanRequest, LearnRequest):
        properties = schemas[model.__name__]["properties"]
        assert [
            name for name, field in properties.items() if not field.get("description")
        ] == []
    assert "from" in schemas["ScanRequest"]["properties"]
