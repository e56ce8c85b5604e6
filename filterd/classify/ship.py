"""ship - train the model that comes with the program: `python -m filterd.classify.ship CORPORA OUT`.

Owns:   which corpora (never trec07p: measuring only), the shipped views, bits and quantisation.
CORPORA is a folder of unpacked or packed NAME.tar.gz archives of NAME/{ham,spam}/; OUT is a new folder.
Run twice it writes the same bytes. The model card is models/README.md.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from filterd.classify.features import SHIPPED_VIEWS, VERSION, extract
from filterd.classify.fit import fit_tables
from filterd.classify.manifest import ArrayFile, Calibration, Manifest
from filterd.classify.model import quantised, save
from filterd.classify.spill import Example, TrainingSet
from filterd.core.shipped import shipped
from filterd.mail.message import Message

# (archive, dates, terms) of what trains it, in this order.
CORPORA = (
    ("spamassassin", "2002", "declared public domain"),
    ("csdmc2010-new", "2009-2010", "competition data"),
    ("vger-mixed-2019-2021", "2019-2021", "public list archives"),
    ("lists-ham-2019-2022", "2019-2022", "public list archives"),
    ("foff-milter-40pct", "2025-2026", "MIT"),
)
BITS = 18
CLIP = 99.9  # percentile of |w| that int8 reaches
SHIPPED = shipped("models") / "ham-spam"
CALIBRATION = Calibration(slope=0.4, intercept=0.4)
# (1-AUC) in percent with the set named left out of training; models/README.md says how.
MEASURED = {
    "commercial_unseen_one_minus_auc_percent": 6.78,
    "vger_unseen_one_minus_auc_percent": 0.208,
    "spamassassin_unseen_one_minus_auc_percent": 6.24,
}
NOTES = {
    "card": "models/README.md",
    "limits": "83 messages of modern commercial ham; nothing of trec07p; capped until confirmed",
}


def read(archive: Path) -> Iterator[tuple[bytes, bool]]:
    """Messages and labels of an archive, by name; the label is the folder beneath the top one."""
    found: list[tuple[str, bytes]] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            label = member.name.removeprefix("./").split("/")[1:2]
            if member.isfile() and label in (["ham"], ["spam"]):
                stream = tar.extractfile(member)
                if stream is not None:
                    found.append((member.name, stream.read()))
    for name, raw in sorted(found):
        yield raw, name.removeprefix("./").split("/")[1] == "spam"


def train(corpora: Path, out: Path) -> Manifest:
    """Train, quantise and write the shipped model."""
    trained_on: list[dict[str, str | int | float | bool]] = []
    with TrainingSet(out.parent) as examples:
        for name, dates, terms in CORPORA:
            count = {False: 0, True: 0}
            for raw, is_spam in read(corpora / f"{name}.tar.gz"):
                features = extract(Message.from_bytes(raw), is_local=False)
                examples.add(features, Example(is_spam, 0.0, name, ""))
                count[is_spam] += 1
            facts = {"corpus": name, "dates": dates, "terms": terms}
            trained_on.append({**facts, "ham": count[False], "spam": count[True]})
        tables = fit_tables(examples, np.arange(len(examples)), SHIPPED_VIEWS, BITS)
        spam = int(examples.is_spam.sum())
        ham = len(examples) - spam
    rows, scales = quantised(tables.weights, CLIP)
    manifest = Manifest(
        format=1,
        id="0" * 16,
        feature_version=VERSION,
        bits=BITS,
        views=list(SHIPPED_VIEWS),
        scales=scales,
        weights=ArrayFile(file="weights.npy", sha256="0" * 64),
        messages_spam=spam,
        messages_ham=ham,
        calibration=CALIBRATION,
        trained_on=trained_on,
        measured=MEASURED,
        notes=NOTES,
    )
    return save(out, manifest, rows, None)


def main() -> int:
    """Entry point."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: python -m filterd.classify.ship CORPORA OUT\n")
        return 2
    manifest = train(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write(f"{manifest.id}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
