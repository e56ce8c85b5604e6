"""Key records and the arithmetic. Reasons for unusable keys are in test_dkim."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from filterd.auth.key import Key, check_size, find_keys, key_question, parse_key, verify
from filterd.auth.signature import SignatureError
from filterd.core.lookup import Question, RRType
from tests.support.answers import asking
from tests.support.signing import ed25519_key, ed25519_record, rsa_key, rsa_record


def test_question_is_the_selectors_txt() -> None:
    assert key_question("S1", "Example.org") == Question(
        "s1._domainkey.example.org", RRType.TXT
    )


def test_flags_and_hashes_of_a_record() -> None:
    key = parse_key(rsa_record(tags="v=DKIM1; t=y:s; h=sha256; ").encode())
    assert (key.algorithm, key.bits, key.is_testing, key.is_strict) == ("rsa", 1024, True, True)
    assert key.hashes == {"sha256"}


def test_verification() -> None:
    data = b"signed"
    digest = hashlib.sha256(data).digest()
    by_rsa = rsa_key().sign(data, PKCS1v15(), SHA256())
    by_ed = ed25519_key().sign(digest)
    rsa, ed = parse_key(rsa_record().encode()), parse_key(ed25519_record().encode())
    assert verify(rsa, by_rsa, digest)
    assert verify(ed, by_ed, digest)
    for key, signature in ((rsa, by_ed), (ed, by_rsa), (rsa, b""), (ed, b"\x00" * 64)):
        assert not verify(key, signature, digest)


@pytest.mark.parametrize(
    ("bits", "is_fine"),
    [(512, False), (1023, False), (1024, True), (8192, True), (16384, False)],
)
def test_sizes_that_may_be_trusted(bits: int, is_fine: bool) -> None:
    key = Key("rsa", parse_key(rsa_record().encode()).public, bits, False, False)
    if is_fine:
        check_size(key)
    else:
        with pytest.raises(SignatureError) as caught:
            check_size(key)
        assert caught.value.result == "policy"


def test_records_tried_are_bounded() -> None:
    ask = asking({"s._domainkey.example.org": [rsa_record()] * 50})
    assert len(list(find_keys(ask, "s", "example.org"))) == 3
