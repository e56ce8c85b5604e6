from __future__ import annotations

import os
import subprocess
import sys

import pytest


def complete(*words: str, shell: str = "bash") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "filterd"],
        env={**os.environ, "_FILTERD_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(words),
             "COMP_CWORD": str(len(words) - 1)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("filterd", "st"), {"status", "store"}),
        (("filterd", "config", "s"), {"show"}),
        (("filterd", "wire", "postfix", "--und"), {"--undo"}),
        (("filterd", "scan", "--sta"), {"--state"}),
        (("filterd", "--vers"), {"--version"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_words_are_completed(words: tuple[str, ...], found: set[str]) -> None:
    assert found <= set(complete(*words))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "filterd"],
        env={**os.environ, "_FILTERD_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "filterd" in done.stdout
    assert f"{shell}_complete" in done.stdout
