"""The lock holds everything that pyproject.toml asks for, and says nothing of where it came from."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.shared import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-test.lock")


def text(lock: str) -> str:
    return (ROOT / "deploy" / lock).read_text()


def pins(lock: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in PIN.findall(text(lock))}


def asked(extra: str = "") -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("lock", "requirement"),
    [
        pytest.param(lock, requirement, id=f"{lock}-{requirement.name}")
        for lock, extra in (
            ("requirements.lock", ""),
            ("requirements-test.lock", ""),
            ("requirements-test.lock", "test"),
        )
        for requirement in asked(extra)
    ],
)
def test_every_requirement_is_locked(lock: str, requirement: Requirement) -> None:
    version = pins(lock).get(canonicalize_name(requirement.name))
    assert version is not None, "run deploy/lock"
    assert requirement.specifier.contains(version, prereleases=True)


def test_tests_run_with_the_versions_that_the_service_runs_with() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-test.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_place(lock: str) -> None:
    lines = [line for line in text(lock).splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?=[A-Za-z0-9])", "\n".join(lines))
    assert all("--hash=sha256:" in entry for entry in entries if PIN.match(entry))
    assert not re.search(r"https?:|file:|--(index|find|extra|trusted)", "\n".join(lines))
