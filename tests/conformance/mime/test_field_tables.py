"""Stalwart's tables of address lists, dates and Content-Type fields, as far as both say the same."""

from __future__ import annotations

import json
from calendar import timegm
from typing import Any

import pytest

from filterd.mail.address import parse
from filterd.mail.parameter import parameters
from filterd.mail.trace import parse_date
from tests.conformance.mime.deviations import ADDRESSES, CONTENT_TYPES, DATES
from tests.support.shared import shared_path


def rows(name: str) -> list[Any]:
    table: list[Any] = json.loads(
        shared_path(f"suites/mime/mail-parser/{name}.json").read_text()
    )
    return [
        pytest.param(row["header"], row["expected"], id=f"{n:03}")
        for n, row in enumerate(table)
    ]


def known(request: pytest.FixtureRequest, deviations: dict[str, str]) -> None:
    number = request.node.callspec.id
    if number in deviations:
        request.applymarker(pytest.mark.xfail(reason=deviations[number], strict=True))


@pytest.mark.parametrize(("field", "expected"), rows("address"))
def test_addresses(
    field: str, expected: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    known(request, ADDRESSES)
    boxes = list(expected.get("List") or [])
    for group in expected.get("Group") or []:
        boxes += group["addresses"]
    wanted = ["".join(box["address"].split()) for box in boxes if box["address"]]
    value = field.replace("\r\n", "\n")
    first = value[0] + value[1:].split("\n\n")[0]  # a field ends at the empty line
    read = parse(" ".join(line.strip() for line in first.strip().split("\n")))
    assert [box.address.lower() for box in read.mailboxes] == [one.lower() for one in wanted]


@pytest.mark.parametrize(("field", "expected"), rows("date"))
def test_dates(
    field: str, expected: dict[str, Any] | None, request: pytest.FixtureRequest
) -> None:
    known(request, DATES)
    if expected is None:
        assert parse_date(field) is None
        return
    fields = (expected[name] for name in ("year", "month", "day", "hour", "minute", "second"))
    offset = expected["tz_hour"] * 3600 + expected["tz_minute"] * 60
    sign = -1 if expected["tz_before_gmt"] else 1
    assert parse_date(" ".join(field.split())) == timegm((*fields, 0, 0, 0)) - sign * offset


@pytest.mark.parametrize(("field", "expected"), rows("content_type"))
def test_content_types(
    field: str, expected: dict[str, Any] | None, request: pytest.FixtureRequest
) -> None:
    known(request, CONTENT_TYPES)
    read = parameters(" ".join(field.split()).encode())
    if expected is None:
        assert "/" not in read.value
        return
    kinds = (expected["c_type"], expected["c_subtype"])
    assert read.value == "/".join(kind.lower() for kind in kinds if kind)
    assert {name: value.strip() for name, value in read.params.items()} == {
        name: " ".join(value.split())
        for name, value in expected.get("attributes") or []
        if not name.endswith("-language")
    }
