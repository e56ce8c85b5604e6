from __future__ import annotations

from filterd.core.lookup import RRType, question
from filterd.dns.zone import Zone
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


def test_zone_text_of_the_manual_is_read_as_it_says() -> None:
    section = manual().partition("## ZONE FILES")[2].partition("\n## ")[0]
    shown = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    zone = Zone(shown)
    assert zone.problems == ()
    assert zone.ask(question("_dmarc.example.org", RRType.TXT)).txt == (b"v=DMARC1; p=reject",)
    assert zone.ask(question("slow.example.org", RRType.A)).reason == "timeout"
    assert zone.ask(question("broken.example.org", RRType.TXT)).reason == "servfail"
    assert zone.ask(question("broken.example.org", RRType.A)).reason == ""
