"""The openspf.org suites, through the door and through zone text, as `filterd scan --zone` reads it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from filterd.auth.spf import evaluate_mail_from
from filterd.core.transaction import client_address
from filterd.dns.zone import Zone
from tests.conformance.spf.suite import Case, cases

SUITES = {"rfc7208-tests.yml": 203, "rfc4408-tests.yml": 191, "test.yml": 16}

# Where we differ on purpose. A case that starts to pass makes the build fail (strict xfail).
DEVIATIONS = {
    ("test.yml", "default-modifier"): "pyspf's lax mode obeys default=, which RFC 4408 dropped",
    ("test.yml", "default-modifier-harsh"): "pyspf's harsh mode, for record checkers only",
}


def parameters() -> Iterable[object]:
    for name in SUITES:
        try:
            found = list(cases(name))
        except pytest.skip.Exception:
            yield pytest.param(name, None, id=name)
            continue
        for case in found:
            reason = DEVIATIONS.get((name, case.id))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            yield pytest.param(
                name, case, id=f"{name.partition('-')[0]}-{case.id}", marks=marks
            )


@pytest.mark.parametrize(("name", "case"), list(parameters()))
def test_case(name: str, case: Case | None) -> None:
    if case is None:
        pytest.skip(f"shared/suites/spf/{name} is absent (see tests/README.md)")
    client = client_address(case.client)
    assert client is not None
    zone = Zone(case.zone)
    assert zone.problems == ()
    result = evaluate_mail_from(
        client, case.mail_from, case.helo, zone.ask, receiver=case.receiver
    ).result
    assert result.result in case.results
    if case.explanation is not None:
        explained = result.reason.partition(" explains: ")[2]
        assert explained == ("" if case.explanation == "DEFAULT" else case.explanation)


@pytest.mark.parametrize("name", SUITES)
def test_every_case_of_the_suite_is_read(name: str) -> None:
    assert len(list(cases(name))) == SUITES[name]
