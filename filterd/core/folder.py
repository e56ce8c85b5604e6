"""folder - the files of a folder that an admin fills, in the order in which they are read.

Owns:   listed.
Rules of this file: nothing that somebody put there is left out in silence. What cannot be read is
        listed all the same, so that reading it fails and says why.
"""

from __future__ import annotations

from pathlib import Path


def listed(folder: Path, ending: str) -> list[Path]:
    """The files with that ending, by name; none where there is no folder.

    A link to nowhere is one of them, and so is the folder itself where it cannot be listed. Not the
    hidden ones: editors keep their locks and copies under such names.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError:
        return [folder]
    return [
        path
        for path in paths
        if path.suffix == ending and path.name[0] != "." and not path.is_dir()
    ]
