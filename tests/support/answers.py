"""answers - an `Ask` over a dict, for tests that care for what an answer does and not for zone files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from filterd.core.lookup import NXDOMAIN, Answer, Ask, Question, RRType, Status, tempfail

Records = str | bytes | Sequence[str | bytes] | Answer


def txt(*records: str | bytes) -> Answer:
    """TXT records as an answer."""
    return Answer(
        Status.OK,
        txt=tuple(r.encode("utf-8") if isinstance(r, str) else r for r in records),
        ttl=300,
    )


def asking(
    names: Mapping[str, Records], *, asked: list[Question] | None = None
) -> Callable[[Question], Answer]:
    """Answer TXT questions from `names`; a name above one listed exists without records.

    A value "!" is a timeout. Any other type is NODATA where the name exists. `asked` collects.
    """
    exists = {
        name[i:] for name in names for i in range(len(name)) if not i or name[i - 1] == "."
    }

    def ask(question: Question) -> Answer:
        if asked is not None:
            asked.append(question)
        found = names.get(question.name)
        if found == "!":
            return tempfail("timeout")
        if isinstance(found, Answer):
            return found
        if found is None or question.rrtype is not RRType.TXT:
            return Answer(Status.NODATA) if question.name in exists else NXDOMAIN
        return txt(found) if isinstance(found, str | bytes) else txt(*found)

    return ask


def silence(question: Question) -> Answer:
    """A DNS that never answers."""
    del question
    return tempfail("timeout")


__all__ = ["Ask", "Records", "asking", "silence", "txt"]
