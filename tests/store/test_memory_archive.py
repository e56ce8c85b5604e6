"""The reference archive. What all archives do is tests/store/test_archive.py."""

from __future__ import annotations

from filterd.store.archive import BLOCK, Row
from filterd.store.memory_archive import MemoryArchive


def test_a_block_is_sealed_when_it_is_full() -> None:
    archive = MemoryArchive()
    archive.append([Row(float(n), frozenset({n}), b"x") for n in range(BLOCK - 1)])
    assert (len(archive.fresh()), archive.blocks()) == (BLOCK - 1, [])
    archive.append([Row(9e9, frozenset(), b"y")] * 2)
    assert len(archive.fresh()) == 1
    (block,) = archive.blocks()
    assert (block.block, block.first, block.last) == (0, 0.0, 9e9)
