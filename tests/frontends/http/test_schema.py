from __future__ import annotations

import pytest

from filterd.frontends.http.guard import Problem
from filterd.frontends.http.schema import ScanRequest, to_submission


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
