"""running - a server of the demo and the tests that is gone when its `with` block ends.

Owns:   Running.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Running:
    """`start` on entry, `close` on leaving, also when it could not start."""

    def start(self) -> None:
        """Return when it serves; nothing to do where making it was enough."""

    def close(self) -> None:
        """End it, whatever state it is in, and remove what it left."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
