"""features - a message as distinct hashed features, in groups of which views are runs.

Owns:   VERSION (part of every model), GROUPS, VIEWS, Features, `extract`.
Not here: what may be read (classify.source), what tokens there are (classify.tokens), weights.

Groups, in this order: authored (5-grams of From, Subject, ...), body (5-grams of the decoded body), head
(5-grams of the raw head), fields (tokens of every field, by name), words (subject, author, text, hosts,
part fields), shape (structure), order (order and spelling of fields). A view is a run of neighbouring
groups, so that its score is one gather from one row of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterd.classify import source as source_texts
from filterd.classify.hashing import MAX_FEATURES, Slots, distinct, to_slots
from filterd.classify.tokens import Tokens
from filterd.mail.message import Message

VERSION = 4

GROUPS = ("authored", "body", "head", "fields", "words", "shape", "order")
_AT = {name: index for index, name in enumerate(GROUPS)}


class View(NamedTuple):
    """A run of groups, and how much its score counts beside the others'; 0 everywhere: no part."""

    first: int
    last: int
    shipped: float = 0.0
    new: float = 0.0  # of local labels, on mail of a kind never seen
    known: float = 0.0  # of local labels, on mail like that which was learned


# Words are a coin toss on mail of a kind never seen, structure is not (6 % against 25-45 %), so there it
# has a vote of its own. On mail like that which was learned it only steadies what the others know.
# What came with the mail (hops, fields, words, build) is learned best in one view: 1.3 % on commercial
# mail half known where a view of grams and one of field tokens had 2.3 in its place (models/README.md).
# Hops and fields change with time and words stay, so beside it words alone count as much.
VIEWS = {
    "text": View(_AT["authored"], _AT["body"], shipped=0.5),
    "words": View(_AT["words"], _AT["shape"], shipped=0.5, new=0.5, known=2.0),
    "shape": View(_AT["shape"], _AT["shape"], shipped=1.0, new=1.0, known=0.5),
    "order": View(_AT["shape"], _AT["order"], shipped=0.5),
    # Hops and marks of the site: local labels only. The last two are counted by naive Bayes.
    "letter": View(_AT["head"], _AT["shape"], new=1.5, known=2.0),
    "site": View(_AT["body"], _AT["head"]),
    "fields": View(_AT["fields"], _AT["words"]),
}
SHIPPED_VIEWS = tuple(name for name, view in VIEWS.items() if view.shipped)
LOCAL_VIEWS = tuple(name for name, view in VIEWS.items() if view.new or view.known)


@dataclass(frozen=True, slots=True)
class Features:
    """Distinct slots, group after group; `bounds` says where each of the seven starts and ends."""

    slots: Slots
    bounds: tuple[int, ...]
    candidates: Candidates | None = None  # what the slots were; None when read back from a file

    def run(self, view: str) -> tuple[int, int]:
        """Where the view starts and ends in `slots`."""
        found = VIEWS[view]
        return self.bounds[found.first], self.bounds[found.last + 1]

    def view(self, name: str) -> Slots:
        """The slots of one view."""
        start, stop = self.run(name)
        return self.slots[start:stop]

    def group(self, name: str) -> Slots:
        """The slots of one group."""
        at = _AT[name]
        return self.slots[self.bounds[at] : self.bounds[at + 1]]


def extract(message: Message, *, is_local: bool = True) -> Features:
    """The features of a message; any message gives features. Without `is_local` two groups stay empty."""
    read = source_texts.read(message, is_local=is_local)
    texts = (read.authored, read.body, read.head)
    tokens = Tokens(read)
    found, grams = to_slots(texts, tokens.hashes)
    found = found[:MAX_FEATURES]
    starts = (0, *accumulate((*grams, *tokens.lengths)))
    kept = distinct(found)
    bounds = tuple(kept.searchsorted(starts).tolist())
    return Features(found.take(kept), bounds, Candidates(texts, tokens, starts, kept))


class Candidates(NamedTuple):
    """Everything that was hashed, and which of it was kept: where names come from."""

    texts: tuple[bytes, bytes, bytes]  # of the three gram groups
    tokens: Tokens
    starts: tuple[int, ...]  # of each group among all candidates
    kept: NDArray[np.intp]  # position of each slot among all candidates

    def places(self, bounds: tuple[int, ...]) -> NDArray[np.intp]:
        """Where in the joined texts the kept grams start."""
        found = self.kept[: bounds[len(self.texts)]].copy()
        offset = 0
        for group, text in enumerate(self.texts):
            if group and text:  # the first is where it was
                found[bounds[group] : bounds[group + 1]] += offset - self.starts[group]
            offset += len(text)
        return found

    def token(self, index: int) -> str:
        """What stands behind slots[index] of a token group."""
        return self.tokens.name(int(self.kept[index]) - self.starts[len(self.texts)])
