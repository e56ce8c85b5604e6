"""Random small patterns and texts that they have a chance to match."""

from __future__ import annotations

from hypothesis import strategies as st

LETTERS = "abcdeABC01 -_.\n"


def texts() -> st.SearchStrategy[str]:
    word = st.sampled_from(["abc", "cab", "ABC", "dead beef", "b.c", "\n", " ", "a"])
    return st.one_of(st.text(LETTERS, max_size=40), st.lists(word, max_size=12).map("".join))


def patterns() -> st.SearchStrategy[str]:
    """Patterns whose meaning Python's re and Perl share."""
    atom = st.sampled_from(
        ["a", "b", "c", "d", "abc", "cab", "dead", "[ab]", "[^a]", r"\d", r"\w", ".", r"\.", " ", r"\b", "^"]
    )  # fmt: skip
    counted = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "*?"])

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.lists(inner, min_size=1, max_size=4).map("".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda o: f"(?:{'|'.join(o)})"),
            st.tuples(inner, counted).map(lambda p: f"(?:{p[0]}){p[1]}" if p[1] else p[0]),
            inner.map(lambda i: f"(?i:{i})"),
        )

    return st.recursive(atom, extend, max_leaves=8)
