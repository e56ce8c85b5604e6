from __future__ import annotations

from filterd.mail.derived import derived


class Square:
    """Counts how often its area is computed."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.computed = 0

    @derived
    def area(self) -> int:
        """Side times side."""
        self.computed += 1
        return self.side**2


def test_the_value_is_computed_when_first_asked_for_and_kept() -> None:
    square = Square(3)
    assert square.computed == 0
    assert (square.area, square.area) == (9, 9)
    assert square.computed == 1


def test_each_object_has_its_own() -> None:
    assert [Square(side).area for side in (1, 2)] == [1, 4]


def test_the_attribute_of_the_class_is_documented() -> None:
    assert isinstance(Square.area, derived)
    assert Square.area.__doc__ == "Side times side."
