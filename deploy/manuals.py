"""manuals - write what is generated from the code: the sample configuration, the man pages, the dashboard.

Usage: python -m deploy.manuals            writes deploy/filterd.toml and deploy/man/*.md
       (and deploy/grafana/filterd.json)
       python -m deploy.manuals --roff DIR  writes man pages for man(1) into DIR

tests/architecture/test_manuals.py fails when the committed files are not what this writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent


def documents() -> dict[Path, str]:
    """Every generated file with its text."""
    from deploy.dashboard import dashboard
    from filterd.config.reference import manual as settings_manual
    from filterd.config.reference import sample_toml
    from filterd.frontends.cli.manual import manual as command_manual

    return {
        HERE / "filterd.toml": sample_toml(),
        HERE / "man" / "filterd.1.md": command_manual(),
        HERE / "man" / "filterd.toml.5.md": settings_manual(),
        HERE / "grafana" / "filterd.json": dashboard(),
    }


def roff(markdown: str) -> str:
    """A man page from the Markdown that we write: headings, definitions, code, bold and code spans."""
    lines = markdown.splitlines()
    title = re.match(r"# (\S+)\((\d)\)", lines[0])
    assert title is not None
    head = f'.TH {title[1].upper()} {title[2]} "" filterd ""\n.nh\n'
    return head + "\n".join(_roff(lines[1:])) + "\n"


def _roff(lines: list[str]) -> Iterator[str]:
    is_code = False
    for index, line in enumerate(lines):
        if line.startswith("    "):
            if not is_code:
                yield ".PP\n.nf"
            is_code = True
            yield _escape(line[4:])
            continue
        if is_code:
            yield ".fi"
            is_code = False
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line.startswith("### "):
            yield f".SS {_quoted(line[4:])}"
        elif line.startswith("## "):
            yield f".SH {_quoted(line[3:])}"
        elif line.startswith(":   "):
            yield _spans(line[4:])
        elif following.startswith(":   "):
            yield f".TP\n{_spans(line)}"
        elif not line:
            yield ".PP"
        else:
            yield _spans(line)
    if is_code:
        yield ".fi"


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in {".", "'"} else text


def _quoted(text: str) -> str:
    return '"' + _escape(text).replace('"', '""') + '"'


def _spans(text: str) -> str:
    text = _escape(text)
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"\\fB\1\\fR", text)
    return re.sub(r"(?<![\\*\w/])\*([A-Z_]+)\*", r"\\fI\1\\fR", text)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--roff"] and len(arguments) == 2:
        folder = Path(arguments[1])
        for path, text in documents().items():
            if path.suffix == ".md":
                (folder / path.stem).write_text(roff(text), encoding="utf-8")
        return 0
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
