from __future__ import annotations

from pathlib import Path

from filterd.core.evidence import Hit
from filterd.core.verdict import DeleteField, Hold, InsertField, ReplaceField
from filterd.frontends.milter import edits
from tests.support.miltermta import ChangeField, Connection, Step, Submission, play
from tests.support.miltermta import InsertField as Inserted
from tests.support.scanning import a_check
from tests.support.service import running


class Context:
    """Records calls as libmilter would get them."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def addheader(self, *args: object) -> None:
        self.calls.append(("add", *args))

    def chgheader(self, *args: object) -> None:
        self.calls.append(("change", *args))

    def quarantine(self, *args: object) -> None:
        self.calls.append(("hold", *args))


def test_each_edit_is_one_call_in_order() -> None:
    context = Context()
    edits.apply(
        context,
        [
            DeleteField("X-Spam-Flag", 2),
            InsertField("X-A", "1\n\t2", 0),
            InsertField("X-B", "3"),
            ReplaceField("Subject", 1, "s"),
            Hold("why"),
        ],
        leading_space=True,
    )
    assert context.calls == [
        ("change", "X-Spam-Flag", 2, None),
        ("add", "X-A", " 1\n\t2", 0),
        ("add", "X-B", " 3"),
        ("change", "Subject", 1, " s"),
        ("hold", "why"),
    ]


def test_without_leading_space_the_mta_writes_it() -> None:
    context = Context()
    edits.apply(context, [InsertField("X-A", "1", 0)], leading_space=False)
    assert context.calls == [("add", "X-A", "1", 0)]


def test_forged_fields_go_and_ours_come_whatever_was_negotiated(tmp_path: Path) -> None:
    content = (
        b"Authentication-Results: other.example; spf=pass\r\n"
        b"Authentication-Results: mx.example.net; spf=pass\r\n"
        b"X-Spam-Flag: NO\r\nX-Spam-Score: -99\r\n"
        b"From: a@example.org\r\n\r\nbody\r\n"
    )
    check = a_check("hit", lambda _: [Hit("ANY")])
    for steps in (
        Step(0),
        Step.HDR_LEADSPC if hasattr(Step, "HDR_LEADSPC") else Step(0x100000),
    ):
        with running(tmp_path, check) as service:
            with Connection(service.address, offered_steps=steps) as mta:
                played = play(mta, Submission(content))
        gone = [(e.name, e.occurrence) for e in played.edits if isinstance(e, ChangeField)]
        assert sorted(gone) == [
            ("Authentication-Results", 2),
            ("X-Spam-Flag", 1),
            ("X-Spam-Score", 1),
        ]
        added = [e for e in played.edits if isinstance(e, Inserted)]
        assert added[-1].name == "Authentication-Results"
        assert added[-1].index == 0
        assert added[-1].value.strip().startswith(b"mx.example.net;")
