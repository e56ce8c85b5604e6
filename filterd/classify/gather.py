"""gather - labelled mail into a training set: from paths, or from the journal.

Owns:   `from_paths`, `from_journal`; which source a message belongs to; that a duplicate is taken once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from filterd.classify.corpus import Labelled
from filterd.classify.features import extract
from filterd.classify.learner import identity
from filterd.classify.spill import EVENNESS_OF_KINDS, Example, TrainingSet
from filterd.core.labels import JournalStore, Kind
from filterd.mail.message import Message

EARLIEST, LATEST = 315_532_800.0, 4_102_444_800.0  # 1980 to 2100: dates outside are made up


def arrived(message: Message) -> float:
    """When the message arrived: the newest credible hop, else its Date, else 0."""
    for when in (*(hop.date for hop in message.hops[:3]), message.date):
        if when is not None and EARLIEST < when < LATEST:
            return when
    return 0.0


def kind_of(message: Message) -> str:
    """What sort of mail it is, where nothing else tells sources apart: list or not, HTML or not."""
    header = message.header
    is_list = "list-id" in header or "list-unsubscribe" in header or "precedence" in header
    is_html = any(part.content_type == "text/html" for part in message.parts)
    return f"{'list' if is_list else 'direct'} {'html' if is_html else 'plain'}"


def from_paths(stream: Iterable[Labelled], examples: TrainingSet, *, by_kind: bool) -> int:
    """Add every message once; how many duplicates were passed over.

    `by_kind`: the paths do not tell sources apart, so kinds of mail do (half of what sources gain).
    """
    if by_kind:
        examples.evenness = EVENNESS_OF_KINDS
    seen: set[int] = set()
    passed = 0
    for labelled in stream:
        message = Message.from_bytes(labelled.raw)
        digest = int.from_bytes(identity(message)[:8], "big") ^ labelled.is_spam
        if digest in seen:
            passed += 1
            continue
        seen.add(digest)
        source = kind_of(message) if by_kind else labelled.source
        examples.add(
            extract(message),
            Example(labelled.is_spam, arrived(message), source, labelled.name),
        )
    return passed


def from_journal(journal: JournalStore, examples: TrainingSet) -> int:
    """Add every message whose label holds; how many have no copy to learn from."""
    missing = 0
    for event in journal.standing():
        copy = journal.copy(event.digest)
        if copy is None:
            missing += 1
            continue
        message = Message.from_bytes(zlib.decompress(copy))
        source = event.source or kind_of(message)
        examples.add(
            extract(message),
            Example(event.kind is Kind.SPAM, event.at, source, event.name),
        )
    return missing
