"""call - how a function of SpamAssassin's (eval:) is called here.

Owns:   Function, Arguments, searcher.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import re2

from filterd.ruleset.emit import to_re2
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View
from filterd.ruleset.syntax import parse
from filterd.ruleset.tree import PatternError, beyond

COMPARISON = re.compile(r"\s*(<=?|>=?|==|!=)\s*(-?\d{1,9})\s*\Z")
Arguments = Sequence[str]
Function = Callable[[View, Arguments, Lists], bool | int]


@cache
def searcher(regex: str) -> Any:
    """The RE2 pattern of an argument; None where RE2 cannot run it."""
    try:
        tree = parse(regex)
        if beyond(tree):
            return None
        options = re2.Options()
        options.log_errors = False
        options.encoding = options.Encoding.LATIN1
        return re2.compile(to_re2(tree).encode("latin-1"), options)
    except (PatternError, re2.error, UnicodeEncodeError):
        return None
