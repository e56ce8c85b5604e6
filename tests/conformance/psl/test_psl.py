"""The public suffix list's own checks (publicsuffix.org), U-labels and A-labels alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from filterd.mail.domain import registrable, to_alabel
from tests.support.shared import shared_path

_CALL = re.compile(r"checkPublicSuffix\((null|'[^']*'), (null|'[^']*')\);")


def cases() -> list[tuple[str, str | None]]:
    text = Path(shared_path("suites/psl/test_psl.txt")).read_text()
    found = []
    for line in text.splitlines():
        match = _CALL.match(line)
        if match is not None and match.group(1) != "null":
            answer = match.group(2).strip("'")
            found.append((match.group(1).strip("'"), None if answer == "null" else answer))
    return found


@pytest.mark.parametrize(("name", "wanted"), cases())
def test_registrable_domain(name: str, wanted: str | None) -> None:
    alabel = to_alabel(name)
    found = registrable(alabel) if alabel is not None else None
    assert found == (to_alabel(wanted) if wanted is not None else None)
