"""libraries - copy the distributions that a lock names out of a site-packages.

Usage: libraries.py LOCK SITE TARGET [--lean]

Only what the lock names is taken, in the very version, by the files each distribution recorded.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

TRAINING = {
    "scikit-learn",
    "scipy",
    "joblib",
    "threadpoolctl",
    "narwhals",
}  # what --lean leaves out


def locked(lock: Path) -> dict[str, str]:
    """Name to version, names normalised (PEP 503)."""
    found = re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*)", lock.read_text("utf-8"), re.MULTILINE
    )
    return {
        normal(name): version
        for name, version, marker in found
        if "python_full_version" not in marker
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def copy(found: Distribution, site: Path, target: Path) -> None:
    """Every recorded file below site-packages; scripts of bin/ are left out."""
    for file in found.files or ():
        source = Path(str(found.locate_file(file))).resolve()
        if not source.is_relative_to(site) or source.suffix == ".pyc" or not source.is_file():
            continue
        place = target / source.relative_to(site)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def main(lock: Path, site: Path, target: Path, lean: bool) -> int:
    site = site.resolve()
    there = {normal(d.metadata["Name"]): d for d in distributions(path=[str(site)])}
    wanted = locked(lock)
    wrong = []
    for name, version in wanted.items():
        if lean and name in TRAINING:
            continue
        found = there.get(name)
        if found is None and name == "async-timeout":  # for CPython before 3.11.3 only
            continue
        if found is None or found.version != version:
            wrong.append(
                f"{name}: locked {version}, there is {found.version if found else 'none'}"
            )
            continue
        copy(found, site, target)
    for line in wrong:
        print(f"libraries: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    lock_file, source, folder = map(Path, sys.argv[1:4])
    sys.exit(main(lock_file, source, folder, lean="--lean" in sys.argv[4:]))
