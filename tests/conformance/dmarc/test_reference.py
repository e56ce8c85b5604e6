"""RFC 9989 once more, as slowly and literally as it is written: for any records both must say the same.

Nothing of the program is used here but its answer. Owners' names have up to ten labels, so that the shortcut of the
tree walk (4.10 step 4) is taken, and records carry every tag that a receiver looks at, valid or not.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from filterd.auth.dmarc import Identifier, evaluate
from filterd.core.lookup import NODATA, NXDOMAIN, Answer, Question, RRType, Status

Records = Mapping[str, Sequence[str]]
Tags = dict[str, str]
POLICIES = ("none", "quarantine", "reject")
LOWERED = {"reject": "quarantine", "quarantine": "none", "none": "none"}


# -- the reference ----------------------------------------------------------------------------


def record(texts: Sequence[str]) -> Tags | None:
    """4.10 steps 2 and 6."""
    found = [text for text in texts if text.split(";")[0] == "v=DMARC1"]
    if len(found) != 1:
        return None
    pairs = [part.partition("=") for part in found[0].split(";")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def tree_walk(domain: str, records: Records) -> list[tuple[str, Tags]]:
    """4.10."""
    found = []
    labels = domain.split(".")
    target = labels
    while target:
        name = ".".join(target)
        tags = record(records.get(name, ()))
        if tags is not None:
            found.append((name, tags))
            if tags.get("psd") in ("n", "y"):
                break
        target = labels[-7:] if target is labels and len(labels) >= 8 else target[1:]
    return found


def organizational_domain(domain: str, records: Records) -> str:
    """4.10.2."""
    walked = tree_walk(domain, records)
    for name, tags in walked:
        if tags.get("psd") == "n":
            return name
        if tags.get("psd") == "y" and name != domain:
            return ".".join(domain.split(".")[-len(name.split(".")) - 1 :])
    return min(walked, key=lambda item: item[0].count("."))[0] if walked else domain


def discovered(author: str, records: Records) -> tuple[str, Tags] | None:
    """4.10.1: the author domain's record, its organizational domain's, its PSD's."""
    own = record(records.get(author, ()))
    if own is not None:
        return author, own
    walked = tree_walk(author, records)
    organization = organizational_domain(author, records)
    wanted = [item for item in walked if item[0] == organization]
    wanted += [item for item in walked if item[1].get("psd") == "y"]
    return wanted[0] if wanted else None


def expected(
    author: str, known: Sequence[tuple[str, str]], records: Records, existing: set[str]
) -> tuple[str, str]:
    """Result and policy (4.7, 4.10.1, 5.3)."""
    found = discovered(author, records)
    if found is None:
        return "none", "none"
    place, tags = found
    policies = [tags[name] for name in ("sp", "np") if name in tags]
    if tags.get("p") not in POLICIES or not set(policies) <= set(POLICIES):
        if "rua" not in tags:
            return "none", "none"
        tags = {n: v for n, v in tags.items() if n not in ("sp", "np")} | {"p": "none"}
    policy = tags["p"]
    if place != author:
        policy = tags.get("sp", policy)
        if author not in existing:
            policy = tags.get("np", policy)
    if tags.get("t") == "y":
        policy = LOWERED[policy]
    for method, domain in known:
        is_strict = tags.get("aspf" if method == "spf" else "adkim") == "s"
        same = organizational_domain(domain, records) == organizational_domain(author, records)
        if domain == author or (same and not is_strict):
            return "pass", policy
    return "fail", policy


# -- the cases ----------------------------------------------------------------------------------


def a_record(pick: random.Random) -> str:
    tags = ["v=DMARC1"]
    if pick.random() < 0.93:
        tags.append("p=" + pick.choice((*POLICIES, *POLICIES, *POLICIES, "bad")))
    for name, chance, values in (
        ("sp", 0.3, (*POLICIES, *POLICIES, "x")),
        ("np", 0.3, (*POLICIES, *POLICIES, "x")),
        ("psd", 0.3, "ynuz"),
        ("t", 0.2, "yn"),
        ("adkim", 0.25, "rs"),
        ("aspf", 0.25, "rs"),
        ("rua", 0.3, ("mailto:a@b.example",)),
        ("pct", 0.1, ("0", "50")),
    ):
        if pick.random() < chance:
            tags.append(f"{name}={pick.choice(values)}")
    return "; ".join(tags)


def relatives(pick: random.Random) -> list[str]:
    """A name and some around it: above, below, beside."""
    count = pick.choice((1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 10))
    labels = [*(pick.choice("ab") for _ in range(count - 1)), pick.choice(("com", "org"))]
    names = [".".join(labels)]
    for _ in range(3):
        part = labels[pick.randint(0, len(labels) - 1) :]
        names.append(".".join([pick.choice("abc"), *part] if pick.random() < 0.6 else part))
    return names


@pytest.mark.parametrize("seed", range(4))
def test_any_records_give_what_the_letter_of_the_rfc_gives(seed: int) -> None:
    pick = random.Random(seed)
    seen: set[tuple[str, str]] = set()
    for _ in range(400):
        family = relatives(pick)
        above = {name.split(".", n)[-1] for name in family for n in range(name.count(".") + 1)}
        records: dict[str, list[str]] = {}
        for name in sorted(above):
            if pick.random() < 0.35:
                records[name] = [a_record(pick) for _ in range(pick.choice((1, 1, 1, 1, 2)))]
                records[name] += ["junk"] * (pick.random() < 0.1)
        existing = {name for name in family if pick.random() < 0.5}
        known = [
            (pick.choice(("spf", "dkim")), pick.choice(family))
            for _ in range(pick.randint(0, 2))
        ]

        def ask(
            question: Question,
            records: Records = records,
            existing: set[str] = existing,
        ) -> Answer:
            if question.rrtype is RRType.A:
                return NODATA if question.name in existing else NXDOMAIN
            texts = records.get(question.name.removeprefix("_dmarc."), ())
            return Answer(Status.OK, txt=tuple(t.encode() for t in texts)) if texts else NODATA

        author = family[0]
        found = evaluate(author, [Identifier(*one) for one in known], ask)
        wanted = expected(author, known, records, existing)
        assert (found.result, found.policy.text) == wanted, (author, known, records)
        seen.add(wanted)
    assert len(seen) == 7  # none, and pass and fail under each policy
