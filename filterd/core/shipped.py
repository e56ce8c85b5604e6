"""shipped - where the files that come with the program are: rules, models.

Owns:   shipped. In a checkout they lie beside the package, in an installation under /usr/share.
"""

from __future__ import annotations

from pathlib import Path

INSTALLED = Path("/usr/share/filterd")


def shipped(name: str) -> Path:
    """The directory "rules" or "models" that belongs to this program."""
    tree = Path(__file__).resolve().parents[2]
    return (tree if (tree / "pyproject.toml").is_file() else INSTALLED) / name
