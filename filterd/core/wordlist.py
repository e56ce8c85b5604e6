"""wordlist - the lists of names that come with the program: rules/lists/*.txt.

Owns:   words. One word a line, "#" begins a comment; read once, shared.
Not here: lists an admin keeps and edits while the filter runs (store.listfile).
"""

from __future__ import annotations

from functools import cache

from filterd.core.shipped import shipped


@cache
def words(name: str) -> frozenset[str]:
    """The lower-case words of rules/lists/NAME.txt; empty where there is no such file."""
    path = shipped("rules") / "lists" / f"{name}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(word for line in lines if (word := line.partition("#")[0].strip().lower()))
