"""What we write, the authres library reads as we meant it; what it writes, we read.

Only where the library keeps to RFC 8601: it leaves escapes in quoted strings, takes nothing but the four
ptypes of RFC 5451 and stops at what it cannot read (deploy/decisions/0102).
"""

from __future__ import annotations

import string

import authres
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.authres import AuthResult, Property, format_results, parse

WORD = st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=10)
KEYWORD = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=10).filter(
    lambda word: word not in {"none", "reason"}
)
VALUE = (
    st.builds("{}@{}.{}".format, WORD, WORD, WORD)
    | st.builds("{}.{}".format, WORD, WORD)
    | st.text(alphabet=string.ascii_letters + " ;()=", min_size=1, max_size=20).filter(
        lambda text: text == text.strip() and "  " not in text
    )
)
RESULT = st.builds(
    AuthResult,
    method=KEYWORD,
    result=KEYWORD,
    properties=st.lists(
        st.builds(
            Property, st.sampled_from(["smtp", "header", "body", "policy"]), KEYWORD, VALUE
        ),
        max_size=1,
    ).map(tuple),
    reason=st.just(""),
    comment=st.just(""),
)


@given(st.lists(RESULT, min_size=1, max_size=4))
def test_library_reads_what_we_write(results: list[AuthResult]) -> None:
    body = format_results("mx.example.net", results)
    read = authres.AuthenticationResultsHeader.parse_value(body)
    assert read.authserv_id == "mx.example.net"
    found = [
        (r.method, r.result, [(p.type, p.name, str(p.value)) for p in r.properties])
        for r in read.results
    ]
    assert found == [
        (r.method, r.result, [(p.ptype, p.name, p.value) for p in r.properties])
        for r in results
    ]


@given(st.lists(RESULT, min_size=1, max_size=4))
def test_we_read_what_the_library_writes(results: list[AuthResult]) -> None:
    theirs = authres.AuthenticationResultsHeader(
        authserv_id="mx.example.net",
        results=[
            authres.AuthenticationResult(
                r.method,
                result=r.result,
                properties=[
                    authres.AuthenticationResultProperty(p.ptype, p.name, p.value)
                    for p in r.properties
                ],
            )
            for r in results
        ],
    ).header_value()
    assert parse(theirs).results == tuple(results)


@pytest.mark.parametrize("value", ["a@b dkim=pass", "a@b; dkim=pass header.d=evil.example"])
def test_the_library_lets_an_address_inject_and_we_do_not(value: str) -> None:
    """Why it does not write our field: a value with an at sign is not quoted."""
    theirs = authres.AuthenticationResultProperty("smtp", "mailfrom", value)
    assert str(theirs) == f"smtp.mailfrom={value}"
    ours = AuthResult("spf", "pass", properties=(Property("smtp", "mailfrom", value),))
    assert parse(format_results("mx.example.net", [ours])).results == (ours,)
