from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.parameter import MANY_PARAMETERS, MAX_FIELD, first_token, parameters


@pytest.mark.parametrize(
    ("field", "value", "params"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('text/plain; charset="us-ascii"', "text/plain", {"charset": "us-ascii"}),
        ("text/plain; charset=us-ascii (comment)", "text/plain", {"charset": "us-ascii"}),
        ("text/plain charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ("text/plain;charset=utf-8;", "text/plain", {"charset": "utf-8"}),
        ('a/b; name="a;b=\\"c\\".exe"', "a/b", {"name": 'a;b="c".exe'}),
        ("a/b; name=my file.exe", "a/b", {"name": "my file.exe"}),
        ("a/b; name=x.pdf size=3", "a/b", {"name": "x.pdf", "size": "3"}),
        ("a/b; name==?utf-8?q?=C3=BC.exe?=", "a/b", {"name": "ü.exe"}),
        ("a/b; name*=utf-8''%C3%BC.exe", "a/b", {"name": "ü.exe"}),
        ("a/b; name*0*=utf-8''%C3; name*1*=%BC; name*2=.exe", "a/b", {"name": "ü.exe"}),
        ("a/b; name*1=.exe; name*0=a", "a/b", {"name": "a.exe"}),
        ("a/b; name=a.txt; name*=utf-8''b.exe", "a/b", {"name": "b.exe"}),
        ("a/b; name=a; name=b", "a/b", {"name": "a"}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("attachment; filename=x", "attachment", {"filename": "x"}),
        ("", "", {}),
        (";;;=;", "", {}),
        ("text", "text", {}),
    ],
)
def test_parameters(field: str, value: str, params: dict[str, str]) -> None:
    read = parameters(field.encode())
    assert (read.value, dict(read.params)) == (value, params)


@pytest.mark.parametrize(
    ("field", "defect"),
    [
        ("a/b; name=a; name=b", "duplicate-parameter"),
        ("a/b; name=a; name*=utf-8''b", "duplicate-parameter"),
        ("a/b; name*0=a; name*1=b", "parameter-continuation"),
        ("a/b" + "; x=y" * (MANY_PARAMETERS + 1), "too-many-parameters"),
        ("a/b; x=" + "y" * MAX_FIELD, "long-field"),
    ],
    ids=["double", "both-forms", "sections", "many", "long"],
)
def test_oddities_are_named(field: str, defect: str) -> None:
    assert defect in parameters(field.encode()).defects
    assert not parameters(b"text/plain; charset=utf-8").defects


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("Base64", "base64"),
        (" 7bit ; x=y", "7bit"),
        ("(c) quoted-printable (d)", "quoted-printable"),
        ('"8bit"', ""),
        ("", ""),
    ],
)
def test_the_first_token_is_read_without_comments(text: str, token: str) -> None:
    assert first_token(text) == token


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_and_parameters(raw: bytes) -> None:
    read = parameters(raw)
    assert read.value == read.value.lower()
    assert all(name == name.lower() for name in read.params)
