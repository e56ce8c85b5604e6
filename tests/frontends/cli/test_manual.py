from __future__ import annotations

from filterd.frontends.cli.main import COMMANDS
from filterd.frontends.cli.manual import manual


def test_every_command_and_option_is_in_the_manual() -> None:
    text = manual()
    for name in COMMANDS:
        assert f"### filterd {name}" in text
    for words in (
        "**--client IP**",
        "**-c, --config FILE**",
        "### filterd wire postfix",
        "**--undo**",
    ):
        assert words in text


def test_the_manual_has_the_parts_of_a_man_page_in_order() -> None:
    text = manual()
    parts = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES",
             "SIGNALS", "LOG", "SEE ALSO"]  # fmt: skip
    places = [text.index(f"\n## {part}\n") for part in parts]
    assert places == sorted(places)
