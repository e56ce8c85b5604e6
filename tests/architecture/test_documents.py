from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import click
import pytest

from filterd.config.load import load
from filterd.frontends.cli.main import COMMANDS, cli
from tests.support.console import ROOT, Step, commands_in, matches, run, shell_lines, steps

DOCUMENTS = sorted(
    path
    for folder in (".", "filterd", "rules", "models", "tests", "deploy")
    for path in (ROOT / folder).glob("*.md")
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if list(steps(d))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_what_a_document_shows_happens(document: Path, tmp_path: Path) -> None:
    for step in steps(document):
        printed = run(step, tmp_path)
        assert matches(step.expected, printed), (
            f"{document.name}:{step.line}: {step.command}\n{printed}"
        )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_a_document_names_exists_with_its_options(document: Path) -> None:
    found = [(n, c) for n, line in shell_lines(document) for c in commands_in(line)]
    found += [
        (s.line, c) for s in steps(document) for c in commands_in(s.command.partition("\n")[0])
    ]
    for line, arguments in found:
        problem = unknown_part(arguments)
        assert not problem, f"{document.name}:{line}: filterd {' '.join(arguments)}: {problem}"


def unknown_part(arguments: list[str]) -> str:
    """What of a command line click does not know; "" when all of it."""
    context = click.Context(cli, info_name="filterd", resilient_parsing=True)
    command: click.Command = cli
    rest = list(arguments)
    while True:
        known = {
            opt: p for p in command.get_params(context) for opt in (*p.opts, *p.secondary_opts)
        }
        positional: list[str] = []
        while rest:
            word = rest.pop(0)
            if word.startswith("-") and len(word) > 1:
                option = known.get(word.partition("=")[0])
                if option is None:
                    return f"no option {word}"
                takes = (
                    isinstance(option, click.Option) and not option.is_flag and "=" not in word
                )
                rest = rest[1:] if takes else rest
            else:
                positional.append(word)
                if isinstance(command, click.Group):
                    break
        if not isinstance(command, click.Group) or not positional:
            return ""
        below = command.get_command(context, positional[0])
        if below is None:
            return f"no command {positional[0]}"
        command = below


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
    missing = [x for x in links if "://" not in x and not (document.parent / x).exists()]
    assert missing == []


def test_the_settings_that_the_operating_manual_shows_are_taken(tmp_path: Path) -> None:
    blocks = re.findall(
        r"```toml\n(.*?)```", (ROOT / "deploy/README.md").read_text("utf-8"), re.DOTALL
    )
    assert len(blocks) > 4
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, "utf-8")
        load(path, {}, {})  # a key that does not exist is an error


def test_every_module_and_setting_that_the_architecture_names_exists() -> None:
    text = (ROOT / "filterd/README.md").read_text("utf-8")
    settings = (ROOT / "deploy/man/filterd.toml.5.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", text))
    assert len(named) > 20
    missing = []
    for name in sorted(named):
        try:
            pkgutil.resolve_name(f"filterd.{name}")
        except (ImportError, AttributeError):
            if f"**{name}**" not in settings:
                missing.append(name)
    assert missing == []


def test_the_readme_has_both_commands_on_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:24])
    assert "./deploy/run" in first
    assert "./deploy/test" in first


def test_every_command_of_the_program_is_in_a_document() -> None:
    text = "\n".join(d.read_text("utf-8") for d in DOCUMENTS) + (
        ROOT / "deploy/man/filterd.1.md"
    ).read_text("utf-8")
    assert [name for name in COMMANDS if f"filterd {name}" not in text] == []


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [("a ... c", "a b b c\n", True), ("a\n...\nd", "a\nb\nc\nd", True), ("a\n...\nd", "a\nd", True),
     ("a", "a\nb", False), ("", "", True), ("", "x", False), ("a  b", "a   b", True), ("a...", "b", False)],
)  # fmt: skip
def test_the_comparison_itself(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_commands_are_found_in_shell_lines() -> None:
    line = "sudo filterd status && FILTERD_X=1 filterd why 'a b' | head  # filterd no"
    assert list(commands_in(line)) == [["status"], ["why", "a b"]]
    assert unknown_part(["statsu"]) == "no command statsu"
    assert unknown_part(["scan", "--cleint", "x", "f"]) == "no option --cleint"
    assert unknown_part(["--config", "x", "config", "show", "a", "--origin"]) == ""
    assert isinstance(Step("a", "b", 1), Step)
