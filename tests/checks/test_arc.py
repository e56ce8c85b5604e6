"""A chain becomes one result and one symbol; DMARC believes it only from trusted sealers."""

from __future__ import annotations

import pytest

from filterd.checks import arc, dmarc
from filterd.core.evidence import AuthResult, Hit
from filterd.core.lookup import Question
from tests.auth.test_arc import FAILED, PASSED, sealed
from tests.support.answers import Records, asking
from tests.support.builders import a_transaction, evidence
from tests.support.signing import rsa_record

ZONE: dict[str, Records] = {
    "s._domainkey.hop1.example": rsa_record(),
    "s._domainkey.hop2.example": rsa_record(),
    "_dmarc.example.org": "v=DMARC1; p=reject",
}


@pytest.mark.parametrize(
    ("raw", "symbol", "comment"),
    [
        (sealed(), "ARC_NONE", ""),
        (sealed(("hop1.example", PASSED)), "ARC_PASS", "i=1 sealed by hop1.example"),
        (
            sealed(("hop1.example", PASSED)).replace(b"Hello", b"Hallo"),
            "ARC_FAIL",
            "i=1 sealed by hop1.example",
        ),
    ],
    ids=["none", "pass", "fail"],
)
def test_symbol_of_each_status(raw: bytes, symbol: str, comment: str) -> None:
    result, hit = evidence(arc.CHECK, a_transaction(message=raw), ask=asking(ZONE))
    assert isinstance(result, AuthResult)
    assert isinstance(hit, Hit)
    assert (hit.symbol, result.comment) == (symbol, comment)


@pytest.mark.parametrize(
    ("trusted", "account", "symbol"),
    [
        (("hop2.example", "hop1.example"), PASSED, "DMARC_FAIL_SEALED"),
        (("hop2.example", "hop1.example"), FAILED, "DMARC_FAIL_FORWARDED"),
        (("hop1.example",), PASSED, "DMARC_FAIL_FORWARDED"),
        ((), PASSED, "DMARC_FAIL_FORWARDED"),
    ],
    ids=["trusted", "trusted-but-failed-there", "newest-unknown", "nobody"],
)
def test_trusted_seal_excuses_a_dmarc_failure(
    trusted: tuple[str, ...], account: str, symbol: str
) -> None:
    tx = a_transaction(message=sealed(("hop1.example", account), ("hop2.example", FAILED)))
    tx.evidence.extend(evidence(arc.CHECK, tx, ask=asking(ZONE)))
    settings = dmarc.Settings(trusted_sealers=trusted)
    found = evidence(dmarc.CHECK, tx, ask=asking(ZONE), settings=settings)
    assert [item.symbol for item in found if isinstance(item, Hit)] == [symbol]
    (result,) = [item for item in found if isinstance(item, AuthResult)]
    assert result.result == "fail"
    if symbol == "DMARC_FAIL_SEALED":
        assert result.comment == "p=reject dis=ignore trusted_forwarder by hop1.example"


def test_questions_are_those_that_run_asks() -> None:
    asked: list[Question] = []
    tx = a_transaction(message=sealed(("hop1.example", PASSED), ("hop2.example", FAILED)))
    evidence(arc.CHECK, tx, ask=asking(ZONE, asked=asked))
    assert set(asked) == set(arc.CHECK.questions(tx, arc.Settings()))
