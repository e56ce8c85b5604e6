"""html - what SpamAssassin's rules ask about HTML: tags, lengths, images, ratios.

Owns:   html_* and the like, each a function of the view, its arguments and the lists.
Not here: rendering (render).
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.ruleset.spamassassin.evals.call import COMPARISON, Arguments, searcher
from filterd.ruleset.spamassassin.render import KNOWN
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View


def tag_exists(view: View, args: Arguments, _: Lists) -> bool:
    """html_tag_exists(tag)."""
    return any(args[0] in one.open for one in view.rendered)


def test(view: View, args: Arguments, _: Lists) -> bool:
    """html_test(what): is there HTML, or something embedded."""
    if args[0] == "html":
        return bool(view.rendered)
    if args[0] == "embeds":
        return any(one.open.keys() & {"object", "embed"} for one in view.rendered)
    return False


def text_match(view: View, args: Arguments, _: Lists) -> bool:
    """html_text_match(what, pattern): comments, anchors, titles, scripts."""
    pattern = searcher(args[1])
    if pattern is None:
        return False
    names = {"comment": "comments", "anchor": "anchors", "title": "titles", "script": "scripts"}
    found = names.get(args[0])
    return found is not None and any(
        pattern.search(text.encode("utf-8", "replace")) is not None
        for one in view.rendered
        for text in getattr(one, found)
    )


def _html_value(view: View, name: str) -> Iterable[float]:
    for one in view.rendered:
        if name == "length":
            yield one.size
        elif name == "closed_extra_ratio" and one.tags:
            yield one.closed_extra / one.tags
        elif name in {"bad_tag_ratio", "non_element_ratio"} and one.tags:
            known = sum(tag in KNOWN or tag == "!doctype" for tag in one.open)
            yield (len(one.open) - known) / len(one.open)


def in_range(view: View, args: Arguments, _: Lists) -> bool:
    """html_range(value, low, high)."""
    low = float(args[1])
    high = float("inf") if len(args) < 3 or args[2] == "inf" else float(args[2])
    return any(low < value <= high for value in _html_value(view, args[0]))


def compares(view: View, args: Arguments, _: Lists) -> bool:
    """html_eval(value, comparison)."""
    found = COMPARISON.match(args[1])
    if found is None:
        return False
    return any(
        _compares(v, found.group(1), float(found.group(2))) for v in _html_value(view, args[0])
    )


def _compares(value: float, mark: str, other: float) -> bool:
    return {
        "<": value < other,
        "<=": value <= other,
        ">": value > other,
        ">=": value >= other,
        "==": value == other,
        "!=": value != other,
    }[mark]


def image_only(view: View, args: Arguments, _: Lists) -> bool:
    """html_image_only(low, high): images and hardly any HTML around."""
    low, high = float(args[0]), float(args[1])
    return any("img" in one.open and low < one.size <= high for one in view.rendered)


def image_ratio(view: View, args: Arguments, _: Lists) -> bool:
    """html_image_ratio(low, high): letters for each pixel."""
    low, high = float(args[0]), float(args[1])
    for one in view.rendered:
        if one.image_area > 0:
            letters = sum(not c.isspace() for c in one.text)
            if low < letters / one.image_area <= high:
                return True
    return False


def tag_balance(view: View, args: Arguments, _: Lists) -> bool:
    """html_tag_balance(tag, comparison): opened minus closed."""
    found = COMPARISON.match(args[1])
    return found is not None and any(
        _compares(one.open[args[0]], found.group(1), float(found.group(2)))
        for one in view.rendered
        if args[0] in one.open
    )


def title_subject_ratio(view: View, args: Arguments, _: Lists) -> bool:
    """html_title_subject_ratio(ratio)."""
    subject = view.field("Subject") or b""
    return bool(subject) and any(
        max((len(t) for t in one.titles), default=0) / len(subject) > float(args[0])
        for one in view.rendered
    )
