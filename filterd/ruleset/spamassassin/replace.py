"""replace - <TAG>s in patterns replaced by what replace_tag, replace_pre, ... say.

Owns:   replace_tags.
Not here: reading those lines (source). Syntax: Mail::SpamAssassin::Plugin::ReplaceTags(3pm).
"""

from __future__ import annotations

import re

from filterd.ruleset.spamassassin.source import MAX_LINE, Imported

MAX_REPLACE = 5  # passes over tags inside of tags
_TAG = re.compile(r"(<[^<>]+>)")


def replace_tags(text: str, into: Imported) -> str:
    """The pattern with <TAG>s replaced (replace_tag, replace_pre, replace_inter, replace_post)."""
    for _ in range(MAX_REPLACE):
        text, chosen = _modifiers(text)
        pieces = _TAG.split(text)
        again = False
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                if piece == "" and chosen.get("inter") and 0 < index < len(pieces) - 1:
                    pieces[index] = into.tags.get("inter", {}).get(chosen["inter"], "")
                continue
            replacement = into.tags.get("tag", {}).get(piece[1:-1], "")
            if not replacement:
                continue
            before = into.tags.get("pre", {}).get(chosen.get("pre", ""), "")
            behind = into.tags.get("post", {}).get(chosen.get("post", ""), "")
            pieces[index] = f"{before}{replacement}{behind}"
            again = again or "<" in replacement
        text = "".join(pieces)
        if not again or len(text) > MAX_LINE:
            break
    return text


def _modifiers(text: str) -> tuple[str, dict[str, str]]:
    """Take <pre X>, <inter X> and <post X> out of a pattern."""
    chosen: dict[str, str] = {}
    for kind in ("pre", "post", "inter"):
        found = re.search(rf"<{kind} ([^<>]+)>", text)
        if found is not None:
            chosen[kind] = found.group(1)
            text = text[: found.start()] + text[found.end() :]
    return text, chosen
