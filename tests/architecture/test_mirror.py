"""Every module has its test file, and every test file its module."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Declarations without behaviour of their own; each is exercised by every other test.
WITHOUT_BEHAVIOUR = {
    "core/check.py",
    "core/errors.py",
    "core/evidence.py",
    "core/stage.py",
    "core/verdict.py",
    "limits.py",
    "ruleset/scores.py",
    "checks/catalogue.py",
    "scan/settings.py",
}
# Folders of tests that mirror no folder of the package.
OTHER_TESTS = {
    "architecture",
    "benchmarks",
    "conformance",
    "deploy",
    "fuzz",
    "golden",
    "rules",
    "stories",
    "support",
}


def modules() -> set[str]:
    package = ROOT / "filterd"
    return {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    }


def mirrored() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        relative = path.relative_to(ROOT / "tests")
        if relative.parts[0] in OTHER_TESTS:
            continue
        found.add(str(relative.with_name(relative.name.removeprefix("test_"))))
    return found


def test_every_module_has_a_test_file() -> None:
    settings = {name for name in modules() if name.endswith("/settings.py")}
    excused = WITHOUT_BEHAVIOUR | settings
    assert sorted(modules() - mirrored() - excused) == []


def test_no_module_is_excused_that_has_a_test_or_is_gone() -> None:
    excused = WITHOUT_BEHAVIOUR
    assert sorted(excused & mirrored()) == []
    assert sorted(excused - modules()) == []
