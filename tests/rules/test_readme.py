"""What rules/README.md shows loads, and its examples hold."""

from __future__ import annotations

import re
from pathlib import Path

from filterd.ruleset import RuleSettings, load

ROOT = Path(__file__).resolve().parents[2]


def test_the_ten_examples_load_and_keep_their_promises(tmp_path: Path) -> None:
    text = (ROOT / "rules" / "README.md").read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "readme.toml").write_text("\n".join(blocks))
    rules = load(RuleSettings(directory=tmp_path))
    names = re.findall(r"^\[rule\.(\w+)\]", "\n".join(blocks), re.MULTILINE)
    assert len(names) == 10
    assert set(names) <= set(rules.scores)
