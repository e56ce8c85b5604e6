"""pattern - SpamAssassin's Perl patterns for the engines here.

Owns:   split_literal (delimiters and flags), compile_literal.
Patterns are bytes: SpamAssassin matches octets. What RE2 can run it runs; look-around, back-references and
the like run behind RE2 in PCRE2 with a limit (ruleset.backtrack).
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter

from filterd.ruleset.backtrack import Backtracking
from filterd.ruleset.emit import to_re2
from filterd.ruleset.engine import engine
from filterd.ruleset.literal import Needed, needed
from filterd.ruleset.match import Pattern
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import PatternError, beyond, branches

MAX_REPEAT = 65_535  # PCRE2's own ceiling
MAX_LENGTH = 262_144  # characters; tags of replace_tag make 220,000 of 2,000
LARGE = 2_000  # characters; of the longer ones shipped none needs a word that filters
_REPEATED = re.compile(r"\(\?:(.*)\)\{([2-9])\}\Z", re.DOTALL)
_CLOSING = {"{": "}", "(": ")", "<": ">", "[": "]"}
_FLAGS = re.compile(r"[a-df-z]*\Z")
_UNSUPPORTED = re.compile(r"%\{[A-Z]")  # %{NAME}: what another rule captured


def split_literal(text: str) -> tuple[str, str]:
    """(pattern, flags) of /.../i, m{...}, m'...', qr!...!; PatternError else."""
    text = text.strip()
    if text.startswith("/"):
        closing, body = "/", text[1:]
    else:
        start = re.match(r"(?:m|qr)([^\w\s\\])", text)
        if start is None:
            raise PatternError("a pattern without its delimiters", 1)
        closing = _CLOSING.get(start.group(1), start.group(1))
        body = text[start.end() :]
    end = body.rfind(closing)
    if end < 0 or not _FLAGS.match(body[end + 1 :]):
        raise PatternError("a pattern without its end", len(text))
    return body[:end], body[end + 1 :]


def compile_literal(
    pattern: str, flags: str, *, name: str, steps: int, exhausted: Counter[str], whole: bool
) -> list[Pattern]:
    """The pattern as one or several that together match where it does; `whole` asks for one."""
    if _UNSUPPORTED.search(pattern):
        raise PatternError("captures of other rules are not known here")
    tree = parse(pattern, flags, max_repeat=MAX_REPEAT, max_length=MAX_LENGTH)
    is_large = len(pattern) > LARGE
    if not beyond(tree):
        parts = [tree] if whole else branches(tree)
        with contextlib.suppress(PatternError):  # RE2 counts to 1,000 in all
            return [
                Pattern(
                    pattern,
                    engine(to_re2(part).encode("latin-1"), latin1=True),
                    Needed() if is_large else needed(part, utf8=False),
                )
                for part in parts
            ]
    loose = engine(to_re2(tree, loosely=True).encode("latin-1"), latin1=True)
    # PCRE2 writes {n} out n times; called as a subroutine a large group stays within its bounds.
    repeated = _REPEATED.match(pattern) if is_large else None
    if repeated is not None:
        body, times = repeated.group(1), int(repeated.group(2))
        pattern = f"(?<again>{body})(?:(?&again)){{{times - 1}}}"
    source = pattern.encode("latin-1", "replace")
    made = Backtracking(source, flags, loose, steps=steps, name=name, exhausted=exhausted)
    found = Needed() if is_large else needed(tree, utf8=False)
    # Look-around sees beyond the match: such a pattern is looked for in the whole text.
    return [Pattern(pattern, made, Needed(found.words, found.also))]
