"""The public ARC suite (RFC 8617 sealing), every case of it: the same bytes are signed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from filterd.auth import arc, seal
from filterd.auth.keyfile import Signer
from filterd.auth.signature import parse_tags
from filterd.mail.header import Header
from filterd.mail.message import Message
from tests.support.answers import asking
from tests.support.shared import shared_folder, shared_path

SUITE = "suites/arc/arc-draft-sign-tests.yml"
CASES = 17


def cases() -> list[Any]:
    path = shared_folder() / SUITE
    if not path.exists():
        return [pytest.param(None, None, id="absent")]
    return [
        pytest.param(case, group, id=name)
        for group in yaml.safe_load_all(path.read_text())
        for name, case in (group or {}).get("tests", {}).items()
    ]


def expected_tags(text: str) -> dict[str, bytes]:
    """The tags of an expected field, white space within values left out."""
    unfolded = b" ".join(text.encode().split())
    return {
        name: b"".join(value.split()) for name, value in parse_tags(unfolded, 10_000).items()
    }


@pytest.mark.parametrize(("case", "group"), cases())
def test_sealing(case: dict[str, Any], group: dict[str, Any]) -> None:
    shared_path(SUITE)
    key = load_pem_private_key(group["privatekey"].encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    message = Message.from_bytes(case["message"].encode().replace(b"\n", b"\r\n"))
    fields = seal.seal(
        message,
        Signer(group["domain"], group["sel"], key),
        seal.merged_account(message.header, case["srv-id"]),
        case["t"],
        names=case["sig-headers"].split(":"),
        line=1_000,
    )
    if not case["AS"].strip():
        assert fields == ()
        return
    results, signature, sealed = fields
    assert results.value.split() == case["AAR"].split()
    for field, expected in ((signature, case["AMS"]), (sealed, case["AS"])):
        tags = {k: b"".join(v.split()) for k, v in parse_tags(field.unfolded, 10_000).items()}
        assert tags == expected_tags(expected)
        assert len(base64.b64decode(tags["b"])) == 128
    if (
        not case.get("description", "").endswith("failing arc set")
        and b"cv=fail" not in sealed.raw
    ):
        whole = Message(Header((sealed, signature, results, *message.header)), message.body)
        assert arc.evaluate(whole, asking(group["txt-records"])).result == "pass"


def test_the_suite_is_whole() -> None:
    shared_path(SUITE)
    assert len(cases()) == CASES
