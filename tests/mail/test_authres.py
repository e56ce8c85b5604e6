from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.authres import (
    CUT,
    MAX_VALUE,
    AuthresSyntaxError,
    AuthResult,
    FieldBody,
    Property,
    claims_authserv_id,
    format_results,
    format_value,
    parse,
)
from tests.support.speed import is_within

SPF = AuthResult(
    "spf",
    "pass",
    properties=(Property("smtp", "mailfrom", "joe@example.org"),),
    comment="example.org designates 192.0.2.1 as permitted sender",
)


def test_none_form() -> None:
    assert format_results("mx.example.net", ()) == "mx.example.net; none"
    assert parse("mx.example.net; none") == FieldBody("mx.example.net")


def test_golden_bytes() -> None:
    results = (
        AuthResult("iprev", "pass", properties=(Property("policy", "iprev", "2001:db8::1"),)),
        SPF,
        AuthResult(
            "dkim",
            "fail",
            reason='bad "quotes" \\ here',
            properties=(
                Property("header", "d", "example.org"),
                Property("header", "i", "@example.org"),
                Property("header", "b", "ab/c+d=="),
            ),
        ),
    )
    assert format_results("mx.example.net", results) == (
        'mx.example.net; iprev=pass policy.iprev="2001:db8::1"; '
        "spf=pass (example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=joe@example.org; "
        'dkim=fail reason="bad \\"quotes\\" \\\\ here" header.d=example.org header.i=@example.org '
        'header.b="ab/c+d=="'
    )


VALUES = {
    "token": ("abc-1.2", "abc-1.2"),
    "domain": ("example.org", "example.org"),
    "address": ("joe+x=y@example.org", "joe+x=y@example.org"),
    "at-domain": ("@example.org", "@example.org"),
    "empty": ("", '""'),
    "space": ("a b", '"a b"'),
    "semicolon": ("x; dkim=pass", '"x; dkim=pass"'),
    "address with semicolon": ("a;dkim=pass@example.org", '"a;dkim=pass@example.org"'),
    "address with space": ("a@b dkim=pass", '"a@b dkim=pass"'),
    "address with comment": ("a@b(x)", '"a@b(x)"'),
    "two at signs": ("a@b@c", '"a@b@c"'),
    "quoted local part": ('"a b"@example.org', '"\\"a b\\"@example.org"'),
    "dots": ("a..b@example.org", '"a..b@example.org"'),
    "domain with empty label": ("a@b..c", '"a@b..c"'),
    "backslash": ("a\\", '"a\\\\"'),
    "quote": ('"', '"\\""'),
    "line end": ("a\r\nX-Evil: b", '"a??X-Evil: b"'),
    "nul and tab": ("a\0\tb", '"a??b"'),
    "unicode domain": ("joe@bücher.example", "joe@xn--bcher-kva.example"),
    "unicode local part": ("jörg@example.org", "j?rg@example.org"),
    "unicode noise": ("a\u2028b", '"a?b"'),
    "slash": ("a/b", '"a/b"'),
    "colon": ("::1", '"::1"'),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_value_is_quoted_where_it_must(value: str, expected: str) -> None:
    assert format_value(value) == expected


def test_long_value_is_cut_visibly() -> None:
    assert format_value("x" * 1000) == '"' + "x" * MAX_VALUE + CUT + '"'
    assert max(len(word) for word in format_value("\\" * 9999).split(" ")) < 900


INJECTIONS = [
    'x"; dkim=pass header.d=evil.example; x="',
    "x;dkim=pass header.d=evil.example",
    "x dkim=pass",
    "x (",
    "x)",
    "\\",
    '\\"',
    "a@b;dkim=pass",
    "\r\n dkim=pass",
    "x\r\nAuthentication-Results: mx.example.net; dkim=pass",
    "=?utf-8?q?x;_dkim=3Dpass?=",
    "\u037e dkim=pass",  # Greek question mark, looks like a semicolon
    "()",
    "(((",
    '"@"',
    " ",
]


@pytest.mark.parametrize("evil", INJECTIONS)
@pytest.mark.parametrize(
    "place", ["value", "reason", "comment", "method", "result", "ptype", "name"]
)
def test_nothing_injects_a_result(evil: str, place: str) -> None:
    result = AuthResult(
        method=evil if place == "method" else "spf",
        result=evil if place == "result" else "fail",
        reason=evil if place == "reason" else "",
        properties=(
            Property(
                evil if place == "ptype" else "smtp",
                evil if place == "name" else "mailfrom",
                evil if place == "value" else "x",
            ),
        ),
        comment=evil if place == "comment" else "",
    )
    body = format_results("mx.example.net", [result, AuthResult("iprev", "fail")])
    assert body.isascii()
    assert body.isprintable()
    read = parse(body)
    assert len(read.results) == 2
    assert len(read.results[0].properties) == 1
    assert not [found for found in read.results if found.method == "dkim"]
    assert read.results[1] == AuthResult("iprev", "fail")


PRINTABLE = st.text(alphabet=[chr(code) for code in range(0x20, 0x7F)], max_size=60)
KEYWORD = st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=12)
RESULT = st.builds(
    AuthResult,
    method=KEYWORD.filter(lambda word: word != "none"),
    result=KEYWORD,
    reason=PRINTABLE,
    properties=st.lists(st.builds(Property, KEYWORD, KEYWORD, PRINTABLE), max_size=4).map(
        tuple
    ),
    comment=PRINTABLE,
)


@given(
    st.text(alphabet=string.ascii_letters + ".-", min_size=1, max_size=40),
    st.lists(RESULT, max_size=4),
)
def test_what_is_formatted_is_read_again(authserv_id: str, results: list[AuthResult]) -> None:
    read = parse(format_results(authserv_id, results))
    assert read == FieldBody(authserv_id, tuple(results))


FIELDS = {
    "rfc8601-b2": ("example.org 1; none", FieldBody("example.org")),
    "rfc8601-b3": (
        "example.com;\r\n          spf=pass smtp.mailfrom=example.net",
        FieldBody(
            "example.com",
            (AuthResult("spf", "pass", properties=(Property("smtp", "mailfrom", "example.net"),)),),
        ),
    ),
    "rfc8601-b4": (
        "example.com;\r\n  auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n  spf=pass smtp.mailfrom=example.net",
        FieldBody(
            "example.com",
            (
                AuthResult(
                    "auth",
                    "pass",
                    properties=(Property("smtp", "auth", "sender@example.net"),),
                    comment="cram-md5",
                ),
                AuthResult("spf", "pass", properties=(Property("smtp", "mailfrom", "example.net"),)),
            ),
        ),
    ),
    "rfc8601-b7": (
        ('foo.example.net (foobar) 1 (baz);\r\n  dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n'
        "  policy (A dot can go here) . (like that) expired\r\n"
        '  (this surprised me) = (as I wasn\'t expecting it) 1362471462'),
        FieldBody(
            "foo.example.net",
            (AuthResult("dkim", "fail", properties=(Property("policy", "expired", "1362471462"),)),),
        ),
    ),
    "bare base64 and address": (
        "mx.example; dkim=pass header.b=aB/c+d= policy.iprev=2001:db8::1;",
        FieldBody(
            "mx.example",
            (
                AuthResult(
                    "dkim",
                    "pass",
                    properties=(
                        Property("header", "b", "aB/c+d="),
                        Property("policy", "iprev", "2001:db8::1"),
                    ),
                ),
            ),
        ),
    ),
    "quoted local part": (
        'mx.example; spf=pass smtp.mailfrom="a; b"@example.org reason="x \\"y\\""',
        FieldBody(
            "mx.example",
            (
                AuthResult(
                    "spf",
                    "pass",
                    reason='x "y"',
                    properties=(Property("smtp", "mailfrom", '"a; b"@example.org'),),
                ),
            ),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FIELDS.values(), ids=FIELDS)
def test_field_is_read(text: str, expected: FieldBody) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "; none",
        "spf=pass smtp.mailfrom=a",
        "mx.example 2; none",
        "mx.example; spf",
        "mx.example; spf=",
        "mx.example; =pass",
        "mx.example; spf=pass smtp.mailfrom",
        "mx.example; spf=pass .x=y",
        'mx.example; spf=pass smtp.mailfrom=a"b"',
        "mx.example; spf=pass )",
        "mx.example none",
    ],
)
def test_what_is_no_field_is_a_syntax_error(text: str) -> None:
    with pytest.raises(AuthresSyntaxError):
        parse(text)


OURS = "mx.example.net"


@pytest.mark.parametrize(
    "value",
    [
        "mx.example.net; dkim=pass",
        " MX.Example.NET ; dkim=pass",
        "mx.example.net 1; none",
        "mx.example.net/1; none",
        "mx.example.net. ; none",
        '"mx.example.net"; none',
        '"mx\\.example\\.net"; none',
        '"mx.example.net',
        "(hi (there) \\) )mx.example.net(x); none",
        "(a)(b) \t mx.example.net",
        "\r\n mx.example.net; none",
        "mx.example.net",
        "mx.exam\x00ple.net; none",
        '" mx.example.net "; none',
        "ｍｘ.example.net; none",
        "mx.exam\u00adple.net; none",
        "mx。example。net; none",
    ],
)
def test_our_name_is_known_in_every_spelling(value: str) -> None:
    assert claims_authserv_id(value, OURS)
    assert claims_authserv_id(value, "MX.example.net.")


def test_our_name_in_unicode_is_known_in_a_labels_and_the_reverse() -> None:
    assert claims_authserv_id("xn--bcher-kva.example; none", "bücher.example")
    assert claims_authserv_id("BÜCHER.example; none", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "other.example.net; spf=pass (mx.example.net)",
        "mx.example.net.evil.example; none",
        "xmx.example.net; none",
        "(mx.example.net) other.example; none",
        "(mx.example.net",
        "; mx.example.net",
    ],
)
def test_other_names_are_not_ours(value: str) -> None:
    assert not claims_authserv_id(value, OURS)


@pytest.mark.parametrize(
    "text", ["(" * 60_000, "a;" * 30_000, 'a;b=c d.e="' + '\\"' * 30_000, "a;b=c" + " d.e=f" * 10_000, "a" + "()" * 30_000]
)  # fmt: skip
def test_time_is_linear(text: str) -> None:
    started = time.thread_time()
    claims_authserv_id(text, OURS)
    try:
        parse(text)
    except AuthresSyntaxError:
        pass
    assert is_within(time.thread_time() - started, 0.5)
