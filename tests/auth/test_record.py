"""One DMARC record: what an owner wrote wrongly gives way to defaults (RFC 9989 4.8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.auth.record import MAX_URIS, Policy, Record, parse_record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=reject", (Policy.REJECT, None, None)),
        ("v=DMARC1;p=none;sp=reject;np=quarantine", (Policy.NONE, Policy.REJECT, Policy.QUARANTINE)),
        ("v=DMARC1; p=reject; p=none", (Policy.REJECT, None, None)),
        ("v=DMARC1; P=Quarantine;", (Policy.QUARANTINE, None, None)),
        (" v=DMARC1; p=reject", (Policy.REJECT, None, None)),
    ],
)  # fmt: skip
def test_policies(text: str, expected: tuple[Policy, Policy | None, Policy | None]) -> None:
    record = parse_record(text.encode())
    assert record is not None
    assert (record.p, record.sp, record.np) == expected


@pytest.mark.parametrize(
    "text",
    ["", "v=DMARC1x", "v=DMARC1,p=none", "p=reject; v=DMARC1", "v=dmarc1; p=none", "DMARC1; p=none",
     "v=spf1 -all", "v=DMARC1 p=reject", "v=DMARC1; p=none" + " " * 20_000],
)  # fmt: skip
def test_what_is_no_dmarc_record(text: str) -> None:
    assert parse_record(text.encode()) is None


@pytest.mark.parametrize(
    ("value", "uris"),
    [
        ("mailto:a@example.com", ("mailto:a@example.com",)),
        ("mailto:a@example.com!10m", ("mailto:a@example.com",)),
        (
            "mailto:a@x.example , mailto:b@x.example",
            ("mailto:a@x.example", "mailto:b@x.example"),
        ),
        ("https://x.example/r", ("https://x.example/r",)),
        ("a@example.com", ()),
        ("mailto:", ()),
        ("mail to:a@example.com", ()),
        (",,,", ()),
    ],
)
def test_reporting_uris(value: str, uris: tuple[str, ...]) -> None:
    record = parse_record(f"v=DMARC1; p=none; rua={value}".encode())
    assert record is not None
    assert record.rua == uris


def test_reporting_uris_are_bounded() -> None:
    value = ",".join(f"mailto:a{n}@example.com" for n in range(100))
    record = parse_record(f"v=DMARC1; p=none; rua={value}".encode())
    assert record is not None
    assert len(record.rua) == MAX_URIS


def test_record_in_another_charset_is_still_a_record() -> None:
    record = parse_record(b"v=DMARC1; p=reject; x=\xff\xfe")
    assert record is not None
    assert record.p is Policy.REJECT


@pytest.mark.parametrize(
    ("policy", "lowered"),
    [
        (Policy.REJECT, Policy.QUARANTINE),
        (Policy.QUARANTINE, Policy.NONE),
        (Policy.NONE, Policy.NONE),
    ],
)
def test_lowered_policy_is_one_step_milder(policy: Policy, lowered: Policy) -> None:
    assert policy.lowered is lowered


_TAG = st.tuples(
    st.sampled_from(["p", "sp", "np", "adkim", "aspf", "t", "psd", "rua", "fo", "zz", ""]),
    st.sampled_from(
        ["none", "reject", "r", "s", "y", "n", "u", "mailto:a@b.example", "", "é", "="]
    ),
)


@given(tags=st.lists(_TAG, max_size=8))
def test_any_tags_after_the_version_are_a_record_whose_values_are_in_range(
    tags: list[tuple[str, str]],
) -> None:
    text = "v=DMARC1;" + ";".join(f"{name}={value}" for name, value in tags)
    record = parse_record(text.encode())
    assert isinstance(record, Record)
    assert record.psd in {"y", "n", "u"}
    if not record.applies:
        assert (record.p, record.sp, record.np, record.rua) == (Policy.NONE, None, None, ())
