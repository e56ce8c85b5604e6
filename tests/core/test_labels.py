"""Which label holds after a sequence of events."""

from __future__ import annotations

import pytest

from filterd.core.labels import Kind, LabelEvent, standing


def said(*events: str) -> list[LabelEvent]:
    """Events like "spam ann 10", "ham auto 20", "forget bob 30" in order."""
    found = []
    for position, text in enumerate(events, 1):
        kind, user, at = text.split()
        origin = "auto" if user == "auto" else "command"
        found.append(LabelEvent(Kind(kind), float(at), b"x", user, origin, position=position))
    return found


def retract(user: str, since: float, position: int) -> LabelEvent:
    return LabelEvent(Kind.RETRACT, 1e9, user=user, since=since, position=position)


@pytest.mark.parametrize(
    ("events", "holds"),
    [
        ((), None),
        (("spam ann 1",), "spam"),
        (("spam ann 1", "ham bob 2"), "ham"),
        (("spam ann 1", "ham auto 2"), "spam"),
        (("ham auto 1", "spam ann 2"), "spam"),
        (("ham auto 1",), "ham"),
        (("spam ann 1", "forget bob 2"), None),
        (("ham auto 1", "forget bob 2"), None),
        (("spam ann 1", "forget bob 2", "ham ann 3"), "ham"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_last_human_label_holds(events: tuple[str, ...], holds: str | None) -> None:
    found = standing(said(*events), [])
    assert (found.kind.value if found else None) == holds


def test_a_retraction_takes_back_that_users_labels_from_then_on() -> None:
    events = said("spam ann 10", "ham bob 20", "spam ann 30")
    found = standing(events, [retract("ann", 15, position=9)])
    assert found is not None
    assert (found.kind, found.user) == (Kind.HAM, "bob")
    everything = [retract("ann", 0, position=9), retract("bob", 0, position=10)]
    assert standing(events, everything) is None


def test_a_retraction_does_not_reach_what_is_said_after_it() -> None:
    events = said("spam ann 10", "ham ann 20")
    found = standing(events, [retract("ann", 0, position=1)])
    assert found is not None
    assert found.kind is Kind.HAM


def test_a_retracted_forgetting_lets_the_label_stand_again() -> None:
    found = standing(said("spam ann 10", "forget mallory 20"), [retract("mallory", 0, 9)])
    assert found is not None
    assert found.kind is Kind.SPAM
