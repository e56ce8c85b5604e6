"""Documents as tests: run their console blocks and compare what they claim; find all of their commands.

A block of ```console has commands after "$ " (continued after "> ") and what they print. "..." stands for
any text within a line; a line that is only "..." stands for any lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from filterd.frontends.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
# Documents whose indented lines are commands, and how a span of code begins that is one.
INDENTED = ("deploy/debian/README.Debian", "deploy/dovecot/README.md")
PROGRAMS = (
    "filterd", "./deploy/", "deploy/debian/build", "postconf", "postfix", "systemctl", "systemd-analyze",
    "apt ", "apt-get", "curl", "sqlite3", "python -m", ".venv/bin/", "docker", "kubectl", "redis-cli",
)  # fmt: skip
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command of a document with what it is said to print."""

    command: str
    expected: str
    line: int


def steps(document: Path) -> Iterator[Step]:
    """The commands of all console blocks, in order."""
    text = document.read_text("utf-8")
    for block in _BLOCK.finditer(text):
        if block[1] != "console":
            continue
        line = text.count("\n", 0, block.start()) + 2
        yield from _split(block[2], line)


def _split(block: str, line: int) -> Iterator[Step]:
    command: list[str] = []
    expected: list[str] = []
    at = line
    for offset, text in enumerate(block.splitlines()):
        if text.startswith("$ "):
            if command:
                yield Step("\n".join(command), "\n".join(expected), at)
            command, expected, at = [text[2:]], [], line + offset
        elif text.startswith("> ") or text == ">":
            command.append(text[2:])
        else:
            expected.append(text)
    if command:
        yield Step("\n".join(command), "\n".join(expected), at)


def shell_lines(document: Path) -> Iterator[tuple[int, str]]:
    """The lines of all sh blocks, comments left out: shown to people, not run."""
    text = document.read_text("utf-8")
    for block in _BLOCK.finditer(text):
        if block[1] in {"sh", "bash"}:
            line = text.count("\n", 0, block.start()) + 2
            for offset, content in enumerate(block[2].splitlines()):
                if content.strip() and not content.lstrip().startswith("#"):
                    yield line + offset, content


def commands_in(line: str) -> Iterator[list[str]]:
    """The filterd commands of a shell line, as argument lists."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    while words:
        end = next(
            (i for i, w in enumerate(words) if w in {"&&", "||", "|", ";", "&"}), len(words)
        )
        part, words = words[:end], words[end + 1 :]
        while part and (
            part[0] in {"sudo", "runuser", "-u", "--"} or re.fullmatch(r"[A-Z_]+=.*", part[0])
        ):
            part = part[1:]
        if part and part[0] == "filterd":
            yield part[1:]


@dataclass(frozen=True)
class Written:
    """One simple command of a document."""

    place: str
    text: str


def written(document: Path) -> Iterator[Written]:
    """Every command of a document, in order; `a && b` is two."""
    name = str(document.relative_to(ROOT))
    inside = ""
    for number, line in enumerate(document.read_text("utf-8").splitlines(), 1):
        found: list[str] = []
        if fence := re.match(r"```(\w*)$", line):
            inside = "" if inside else fence[1] or "text"
        elif inside:
            found = [line] if inside in {"sh", "bash"} else []
        elif line.startswith("    ") and name in INDENTED:
            found = [re.split(r"  +", line.strip())[0]]
        else:
            found = [s for s in re.findall(r"`([^`]+)`", line) if is_command(s)]
        for text in found:
            for part in re.sub(r"(^|\s+)#.*", "", text).split(" && "):
                if part.strip() and not part.startswith(("[", "sockets =")):
                    yield Written(f"{name}:{number}", part.strip())


def is_command(span: str) -> bool:
    """A span of code that can be typed as it is, not only the name of a command."""
    if not span.startswith(PROGRAMS) or not (" " in span or span.startswith("./")):
        return False
    words = span.split()
    if words[0] != "filterd":
        return not span.endswith("/")
    command: click.Command = cli
    rest = words[1:]
    while isinstance(command, click.Group):
        below = command.get_command(click.Context(command), rest[0]) if rest else None
        if below is None:
            return bool(rest)
        command, rest = below, rest[1:]
    try:
        command.make_context("filterd", rest)
    except click.MissingParameter:
        return False
    except click.UsageError:
        return True
    return True


def run(step: Step, folder: Path) -> str:
    """What the command prints, errors included, with `filterd` being the one of this tree."""
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    program = tools / "filterd"
    if not program.exists():
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m filterd "$@"\n')
        program.chmod(0o755)
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "FILTERD_STATE_DIR": str(folder / ".state"),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def matches(expected: str, printed: str) -> bool:
    """True when `printed` is what the document says, "..." standing for anything."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pieces = [
                r"\s+".join(map(re.escape, _words(p))) for p in line.rstrip().split("...")
            ]
            pattern += ".*?".join(pieces) + r"[^\S\n]*\n"
    text = "\n".join(x.rstrip() for x in printed.splitlines())
    return re.fullmatch(pattern, text + "\n" if text else "") is not None


def _words(text: str) -> list[str]:
    """The pieces between runs of blanks; a document may align columns otherwise."""
    return re.split(r"[^\S\n]+", text)
