"""Made-up mail of two sorts that a classifier can tell apart, and folders of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from filterd.classify.features import extract
from filterd.classify.spill import Example, TrainingSet
from filterd.mail.message import Message

SPAM_WORDS = [
    "prize",
    "claim",
    "winner",
    "casino",
    "pills",
    "watches",
    "discount",
    "offer",
    "cash",
    "bonus",
    "urgent",
]
HAM_WORDS = [
    "meeting",
    "minutes",
    "patch",
    "review",
    "kernel",
    "budget",
    "report",
    "lunch",
    "draft",
    "schedule",
]
COMMON = [
    "the",
    "a",
    "to",
    "of",
    "and",
    "in",
    "for",
    "on",
    "with",
    "please",
    "today",
    "it",
    "is",
    "we",
    "you",
]


def a_mail(number: int, *, is_spam: bool, month: int = 1) -> bytes:
    """One message; the same number and sort give the same bytes."""
    chance = Random(f"{number} {is_spam}")
    own = SPAM_WORDS if is_spam else HAM_WORDS
    words = [chance.choice(own if chance.random() < 0.5 else COMMON) for _ in range(60)]
    domain = f"{'bulk' if is_spam else 'office'}{number % 7}.example"
    day = 1 + number % 28
    lines = [
        (
            f"Received: from {domain} (x [192.0.2.{number % 250}]) by mx.example.net;"
            f" Mon, {day} {_MONTHS[month]} 2025 10:00:00 +0000"
        ),
        f"From: {'Prize Desk' if is_spam else 'Ann Other'} <u{number}@{domain}>",
        "To: bob@example.net",
        f"Subject: {' '.join(words[:4])}",
        f"Date: Mon, {day} {_MONTHS[month]} 2025 09:59:00 +0000",
        f"Message-ID: <{number}.{int(is_spam)}@{domain}>",
        "Content-Type: text/plain; charset=utf-8",
        "",
        " ".join(words),
        f"http://{domain}/{words[5]}" if is_spam else "Regards",
    ]
    return "\r\n".join([*lines, ""]).encode()


_MONTHS = ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun"]


def fill(folder: Path, count: int, *, is_spam: bool, start: int = 0, month: int = 1) -> Path:
    """A folder of so many messages, one a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        path = folder / f"{number:05d}.eml"
        path.write_bytes(a_mail(number, is_spam=is_spam, month=month))
    return folder


def training_set(spam: int = 60, ham: int = 90, folder: Path | None = None) -> TrainingSet:
    """Features of so many messages, a tenth of each class from a second source."""
    examples = TrainingSet(folder)
    for is_spam, count in ((True, spam), (False, ham)):
        for number in range(count):
            message = Message.from_bytes(a_mail(number, is_spam=is_spam))
            source = "small" if number % 10 == 0 else "large"
            example = Example(is_spam, 1000.0 + number, source, f"{source}/{number}")
            examples.add(extract(message), example)
    return examples
