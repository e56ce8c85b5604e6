"""Whatever an MTA sends, in whatever order: no worker dies, and the next session is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.checks.catalogue import ALL
from tests.support.miltermta import (
    Connection,
    Kind,
    MilterGoneError,
    MilterSyntaxError,
    Submission,
    play,
)
from tests.support.service import Service, running

pytestmark = pytest.mark.fuzz

MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
WORDS = st.one_of(
    st.sampled_from(
        [b"mail.example.org", b"<a@b.example>", b"<>", b"SIZE=9", b"\xff\xfe", b"", b"a" * 70_000, b"%s%n", b"\r\nX: y",
         b"j", b"i", b"{auth_authen}", b"{client_addr}", b"{tls_version}"]
    ),
    st.binary(max_size=20),
)  # fmt: skip
ADDRESSES = st.sampled_from(
    [b"4\0\x19192.0.2.1\0", b"6\0\x192001:db8::1\0", b"U", b"L\0\0/run/x\0", b"4\0\x19999.9.9.9\0", b"4", b"", b"9\0\0x\0"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=3).map(lambda words: b"\0".join(words) + b"\0")
STAGES = st.sampled_from([b"C", b"H", b"M", b"R", b"E", b"?"])
# Always in pairs: libmilter's smfi_getsymval reads past its table where a name has no value.
MACROS = st.lists(
    st.tuples(WORDS, WORDS).map(lambda pair: b"".join(w.replace(b"\0", b"") + b"\0" for w in pair)),
    max_size=3,
).map(b"".join)  # fmt: skip
PACKETS = st.one_of(
    st.tuples(st.just(b"C"), st.tuples(WORDS, ADDRESSES).map(b"\0".join)),
    st.tuples(st.sampled_from([b"H", b"M", b"R", b"L", b"U"]), TEXTS),
    st.tuples(st.just(b"D"), st.tuples(STAGES, MACROS).map(b"".join)),
    st.tuples(st.sampled_from([b"N", b"T", b"E", b"A", b"K", b"B"]), WORDS),
    st.tuples(st.binary(min_size=1, max_size=1).filter(lambda letter: letter != b"D"), WORDS),
)  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("milter"), *ALL, workers=1) as started:
        yield started


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(packets=st.lists(PACKETS, max_size=14))
def test_any_packets(service: Service, packets: list[tuple[bytes, bytes]]) -> None:
    before = service.workers
    with Connection(service.address, seconds=10.0) as mta:
        try:
            for letter, text in packets:
                mta.send(letter, text)
            play(mta, Submission(MAIL), same_session=True)
        except (MilterGoneError, MilterSyntaxError):
            pass  # it may hang up on nonsense, and answers to it come out of step
    with Connection(service.address) as mta:
        assert play(mta, Submission(MAIL)).answer.kind is Kind.ACCEPT
    assert service.workers == before
