"""derived - a value computed on first use and kept, like functools.cached_property from 3.12 on.

Owns:   derived.
In Python 3.11 the standard one takes a lock at each first use: 5,500 instructions instead of 2,500, some
fifty times a message. Nothing here is shared between threads before it was asked for; if it were, it
would be computed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

T = TypeVar("T")


class derived(Generic[T]):  # noqa: N801 - a decorator, named like property
    """A method without arguments as an attribute; its value is kept in the object's `__dict__`."""

    def __init__(self, compute: Callable[..., T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[object]) -> T: ...

    def __get__(self, instance: object | None, owner: type[object]) -> Self | T:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
