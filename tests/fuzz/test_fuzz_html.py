"""Any text gives an HtmlDocument whose text can be encoded, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.mail.html import parse

pytestmark = pytest.mark.fuzz

BITS = st.sampled_from(
    [
        b"<",
        b">",
        b"</",
        b"a",
        b" href=",
        b'"',
        b"\x27",
        b"<p style=display:none>",
        b"<table>",
        b"<td>",
        b"<!--",
        b"-->",
        b"<style>",
        b"<script>",
        b"&#x41;",
        b"&#xd800;",
        b"<svg>",
        b"<title>",
        b"<a href=javascript:x>",
        b"<template>",
        b"<form>",
        b"<b hidden>",
        b"\0",
        b"<![CDATA[",
    ]
)
RAW = st.one_of(st.binary(max_size=400), st.lists(BITS, max_size=60).map(b"".join))


@given(RAW)
def test_any_bytes(raw: bytes) -> None:
    document = parse(raw.decode("utf-8", "replace"))
    for text in (document.visible, document.hidden, document.title):
        assert isinstance(text.encode(), bytes)
    assert all(count >= 0 for count in document.tricks.values())
    assert document.counts is not None
