"""Any bytes give bounded features and an exact opinion; any model file gives a model or ConfigError."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.classify.canary import Canary
from filterd.classify.classifier import Scoring
from filterd.classify.corpus import split
from filterd.classify.features import extract
from filterd.classify.hashing import MAX_FEATURES, SLOT_BITS
from filterd.classify.live import LiveModel
from filterd.classify.model import load
from filterd.classify.settings import ClassifierSettings
from filterd.core.errors import ConfigError
from filterd.core.shipped import shipped
from filterd.mail.message import Message

pytestmark = pytest.mark.fuzz

SHIPPED = shipped("models") / "ham-spam"
MODEL = load(SHIPPED)

# Pieces of mail, so that the interesting places are reached more often than by bytes alone.
PIECES = st.sampled_from(
    [
        b"From: ", b"Subject: =?utf-8?q?", b"?=", b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"--x\r\n", b"--x--\r\n", b"Content-Type: text/html\r\n", b"\r\n\r\n", b"\n", b"\x00",
        b"<a href='http://x.example/", b"<img src=", b"&#x200b;", b"\xff\xfe", b"a@b.example", b"<@>",
        b"Message-ID: <", b"DKIM-Signature: v=1; d=;", b"Reply-To: ,,,", b"To: undisclosed", b"\t ",
        b"Content-Transfer-Encoding: base64\r\n", "é你😀".encode(), b"X-Spam-Status: Yes\r\n",
    ]
)  # fmt: skip
MAIL = st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=60).map(b"".join)


@given(MAIL)
def test_any_bytes_give_features_and_an_exact_opinion(raw: bytes) -> None:
    features = extract(Message.from_bytes(raw))
    assert len(features.slots) <= MAX_FEATURES
    assert features.bounds[-1] == len(features.slots)
    if len(features.slots):
        assert 0 <= int(features.slots.min()) <= int(features.slots.max()) < 1 << SLOT_BITS
    live = LiveModel.in_memory()
    live.learn(features, True)
    opinion = Scoring(ClassifierSettings(), MODEL, live).opinion(features, top=20)
    assert 0 <= opinion.probability <= 1
    assert math.isclose(math.fsum(p for _, p in opinion.tokens), opinion.points, abs_tol=1e-9)
    assert all(name.isprintable() for name, _ in opinion.tokens)


@given(
    name=st.sampled_from(["manifest.toml", "weights.npy"]),
    cut=st.integers(0, 900_000),
    place=st.integers(0, 2_000),
    junk=st.binary(max_size=60),
)
def test_any_damage_to_a_model_gives_a_model_or_a_config_error(
    name: str, cut: int, place: int, junk: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(SHIPPED, Path(folder) / "model"))
        raw = (copy / name).read_bytes()[: cut + 1]
        (copy / name).write_bytes(raw[:place] + junk + raw[place + len(junk) :])
        said = ""
        try:
            shape = load(copy).tables.weights.shape
        except ConfigError as error:
            said = str(error)
        else:
            assert shape == MODEL.tables.weights.shape
        assert not said or str(copy) in said


@given(st.binary(max_size=300))
def test_any_canary_or_live_file_is_refused_or_empty(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(raw)
        assert len(Canary.load(path)) == 0
        with pytest.raises(ConfigError):
            LiveModel.open(path)


@given(MAIL)
def test_any_mailbox_is_split_into_bounded_messages(raw: bytes) -> None:
    found = list(split(raw))
    assert sum(map(len, found)) <= len(raw) + 1
