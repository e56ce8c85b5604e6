"""condition - what `if` and `ifplugin` in SpamAssassin's files come to here.

Owns:   holds, has_plugin.
Not here: reading lines (source). Syntax: Mail::SpamAssassin::Conf(3pm), "if".
"""

from __future__ import annotations

import re

from filterd.ruleset import expr

VERSION = 4.000001  # of the SpamAssassin whose rules these are

# What `ifplugin` finds: that which Debian loads, as far as rules ask for it. Functions of theirs that are
# not here are reported rule by rule.
PLUGINS = frozenset(
    [
        "AskDNS",
        "BodyEval",
        "Check",
        "DKIM",
        "DMARC",
        "DNSEval",
        "FreeMail",
        "HTMLEval",
        "HTTPSMismatch",
        "HashBL",
        "HeaderEval",
        "ImageInfo",
        "MIMEEval",
        "MIMEHeader",
        "RelayEval",
        "ReplaceTags",
        "SPF",
        "SpamCop",
        "URIDNSBL",
        "URIDetail",
        "URIEval",
        "VBounce",
        "WLBLEval",
        "WelcomeListSubject",
        "Bayes",
        "Pyzor",
        "Razor2",
        "AutoLearnThreshold",
    ]
)
_ABSENT_FEATURES = frozenset({"compat_welcomelist_blocklist"})


def has_plugin(name: str) -> bool:
    """Whether `ifplugin` finds it."""
    return name.rpartition("::")[2] in PLUGINS


_CONDITION = re.compile(
    r"""\s*(?:(?P<version>version|perl_version)|(?P<call>plugin|can|has)\s*\(\s*(?P<name>[\w:]+)\s*\)
      |(?P<number>\d+(?:\.\d+)?)|(?P<mark>&&|\|\||[!=<>]=|[!<>()])|(?P<word>\w+))""",
    re.VERBOSE,
)


def holds(text: str) -> bool | None:
    """Whether an `if` holds; None where it cannot be told."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        found = _CONDITION.match(text, at)
        if found is None:
            if text[at:].strip():
                return None
            break
        at = found.end()
        if found.group("version"):
            pieces.append(f"{VERSION:.6f}" if found.group("version") == "version" else "5.036")
        elif found.group("call"):
            pieces.append("1" if _is_there(found.group("call"), found.group("name")) else "0")
        elif found.group("word"):
            known = {"local_tests_only": "1", "perl_version": "5.036"}
            pieces.append(known.get(found.group("word"), "0"))
        else:
            pieces.append(found.group())
    try:
        return expr.parse(" ".join(pieces)).is_true(lambda _: 0.0)
    except expr.ExpressionError:
        return None


def _is_there(call: str, name: str) -> bool:
    if call == "plugin":
        return has_plugin(name)
    module, _, feature = name.rpartition("::")
    if module == "Mail::SpamAssassin::Conf":
        return feature not in _ABSENT_FEATURES
    return has_plugin(module)
