from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import milter
import pytest

from filterd.core.evidence import Delay, Evidence, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.core.verdict import Action, Reply
from filterd.frontends.milter.session import MilterSession
from filterd.limits import LIMITS
from filterd.ruleset.scores import Score
from filterd.scan.score import ScoreTable
from filterd.scan.settings import FieldSettings
from tests.support.miltermta import ChangeField, Connection, Kind, Submission, play
from tests.support.scanning import a_check, a_scanner
from tests.support.service import running

MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
NO = Reply(550, "5.7.1", "100% no")
LATER = Reply(451, "4.7.1", "later")


def see(tx: Transaction) -> Iterable[Evidence]:
    """Puts what the scanner saw into the verdict's field."""
    session, envelope, message = tx.session, tx.envelope, tx.message
    facts = {
        "client": session.client,
        "name": session.client_name,
        "helo": session.helo,
        "auth": session.auth_user,
        "from": envelope.reverse_path,
        "rcpt": ",".join(envelope.recipients),
        "queue": envelope.queue_id,
        "size": message.size,
        "fields": len(message.header),
        "marks": ",".join(sorted(message.marks)),
        "profile": tx.profile,
    }
    for name, value in facts.items():
        yield Hit(f"{name}:{value}")


def seen(edits: Iterable[object]) -> dict[str, str]:
    for edit in edits:
        if getattr(edit, "name", "") == "X-Spam-Status":
            text = edit.value.decode().replace("\n\t", " ")  # type: ignore[attr-defined]
            tests = text.split("tests=")[1].split(" action=")[0]
            pairs = (item.rpartition("=")[0].partition(":") for item in tests.split(", "))
            return {name: value for name, _, value in pairs}
    raise AssertionError("no X-Spam-Status")


def test_messages_are_judged_one_after_the_other(tmp_path: Path) -> None:
    judged = threading.Lock()

    def judge(_tx: Transaction) -> Iterable[Evidence]:
        alone = judged.acquire(blocking=False)
        time.sleep(0.05)  # lets go of the interpreter, as a pattern does
        if alone:
            judged.release()
        yield Hit("ALONE" if alone else "TOGETHER")

    def deliver(address: str) -> str:
        with Connection(address) as mta:
            return str(play(mta, Submission(MAIL)).edits)

    with running(tmp_path, a_check("judge", judge)) as service, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(deliver, [service.address] * 4))
    assert all("ALONE" in edits and "TOGETHER" not in edits for edits in found)


def test_the_facts_of_a_session_arrive_whole(tmp_path: Path) -> None:
    with running(tmp_path, a_check("see", see)) as service:
        with Connection(service.address) as mta:
            played = play(
                mta,
                Submission(
                    MAIL,
                    client="2001:db8::5",
                    recipients=("u1@example.net", "u2@example.net"),
                    reverse_path="jörg@bücher.example",
                    macros={"auth_authen": "joe"},
                ),
            )
        facts = seen(played.edits)
    assert facts["client"] == "2001:db8::5"
    assert facts["name"] == "mail.example.org"
    assert facts["auth"] == "joe"
    assert facts["profile"] == "authenticated"
    assert facts["rcpt"] == "u1@example.net,u2@example.net" or facts["rcpt"].startswith("u1")
    assert facts["queue"] == "4TestQueueId"
    assert facts["fields"] == "2"
    assert played.answer.kind is Kind.ACCEPT


def test_a_reply_at_rcpt_refuses_that_recipient_only(tmp_path: Path) -> None:
    def grey(tx: Transaction) -> Iterable[Evidence]:
        if tx.recipient.startswith("new"):
            yield Proposal(Action.GREYLIST, "GREY", LATER)

    with running(tmp_path, a_check("grey", grey, runs=[Stage.RCPT])) as service:
        with Connection(service.address) as mta:
            played = play(
                mta, Submission(MAIL, recipients=("old@example.net", "new@example.net"))
            )
    answers = {path: answer for path, answer in played.recipients}
    assert answers["old@example.net"].goes_on
    assert answers["new@example.net"].text == "451 4.7.1 later (why WHY1)"
    assert played.answer.kind is Kind.ACCEPT


def test_a_reject_carries_code_text_and_why_id_and_percent_signs_survive(
    tmp_path: Path,
) -> None:
    check = a_check("no", lambda _: [Proposal(Action.REJECT, "NO", NO)])
    with running(tmp_path, check) as service, Connection(service.address) as mta:
        played = play(mta, Submission(MAIL))
    assert played.answer.text.replace("%%", "%") == "550 5.7.1 100% no (why WHY1)"


def test_an_exception_in_a_callback_defers_and_keeps_the_connection(tmp_path: Path) -> None:
    def blow(tx: Transaction) -> Iterable[Evidence]:
        raise MemoryError if tx.envelope.reverse_path.startswith("bad") else RuntimeError

    # a broken table breaks the verdict itself, outside of the checks' isolation
    class Broken:
        def apply(self, _evidence: object) -> object:
            raise RuntimeError("boom")

        def points(self, _evidence: object) -> object:
            return {}

    with running(tmp_path, a_check("blow", blow), table=Broken()) as service:
        with Connection(service.address) as mta:
            first = play(mta, Submission(MAIL))
            second = play(mta, Submission(MAIL), same_session=True)
    assert first.answer.text.startswith("451 4.3.0")
    assert second.answer.text.startswith("451 4.3.0")


def test_an_mta_that_goes_away_at_the_end_is_no_mistake_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = MilterSession(object(), a_scanner(), lambda _: True, frozenset())
    assert session.broken("eom", milter.error("cannot add header")) == milter.TEMPFAIL
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "cannot add header" in record.getMessage()
    assert record.exc_info is None


def test_a_check_that_cannot_answer_early_does_not_make_the_mta_wait(tmp_path: Path) -> None:
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        from tests.support.miltermta import Step

        quiet = Step.NR_FIELD
        assert mta.steps & quiet
    with (
        running(tmp_path, a_check("r", lambda _: (), runs=[Stage.RCPT])) as service,
        Connection(service.address) as mta,
    ):
        assert not int(mta.steps) & 0x8000  # SMFIP_NR_RCPT


def test_several_messages_of_a_session_do_not_mix(tmp_path: Path) -> None:
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        sizes = []
        for number in range(3):
            content = MAIL + b"x" * 100 * number
            played = play(mta, Submission(content), same_session=number > 0)
            sizes.append(int(seen(played.edits)["size"]))
    assert [size - sizes[0] for size in sizes] == [0, 100, 200]


def test_an_aborted_transaction_leaves_no_trace(tmp_path: Path) -> None:
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        mta.connect("mail.example.org", "192.0.2.1")
        mta.helo()
        mta.mail("<first@example.org>")
        mta.rcpt("<u@example.net>")
        mta.field(b"Subject", b" gone")
        mta.abort()
        played = play(mta, Submission(MAIL), same_session=True)
    facts = seen(played.edits)
    assert (facts["from"], facts["fields"]) == ("sender@example.org", "2")


def test_a_field_above_64_kib_does_not_cost_the_connection(tmp_path: Path) -> None:
    content = b"From: a@example.org\r\nX-Long: " + b"y" * 102_000 + b"\r\n\r\nbody\r\n"
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        played = play(mta, Submission(content))
    assert played.answer.kind is Kind.ACCEPT
    assert int(seen(played.edits)["size"]) > 102_000


def test_ten_thousand_fields_are_bounded_and_marked(tmp_path: Path) -> None:
    content = b"From: a@example.org\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\nbody\r\n"
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        facts = seen(play(mta, Submission(content)).edits)
    assert int(facts["fields"]) == LIMITS.header_fields
    assert "too-many-fields" in facts["marks"]


def test_an_oversized_message_is_scanned_as_a_prefix_and_marked(tmp_path: Path) -> None:
    content = MAIL + b"z" * 78 + b"\r\n"
    content += (b"z" * 78 + b"\r\n") * (LIMITS.message_bytes // 80)
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        played = play(mta, Submission(content))
    facts = seen(played.edits)
    assert "oversize" in facts["marks"]
    assert int(facts["size"]) == pytest.approx(len(content), abs=100)


def test_the_tarpit_holds_the_answer_and_tells_the_mta_that_we_are_alive(
    tmp_path: Path,
) -> None:
    check = a_check("pit", lambda _: [Delay(0.2, "PIT")])
    with running(tmp_path, check) as service, Connection(service.address) as mta:
        played = play(mta, Submission(MAIL))
    assert played.outcome is not None
    assert played.outcome.progress >= 1


def test_a_body_that_comes_with_its_end_is_judged(tmp_path: Path) -> None:
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        mta.connect("mail.example.org", "192.0.2.1")
        mta.helo()
        mta.mail()
        mta.rcpt()
        mta.field(b"From", b" a@example.org")
        mta.end_of_header()
        outcome = mta.end_of_message(b"the whole body\r\n")
    assert outcome.answer.kind is Kind.ACCEPT
    assert int(seen(outcome.edits)["size"]) > len(b"the whole body")


def greet(mta: Connection, host: bytes, family: bytes) -> None:
    """CONNECT as it comes from the wire, whatever it says."""
    mta.send(b"D", b"Cj\0mx.example.net\0{client_addr}\x00192.0.2.9\0")
    mta.send(b"C", host + b"\0" + family)


@pytest.mark.parametrize(
    ("host", "family", "client", "profile"),
    [
        pytest.param(b"unknown", b"U", "None", "default", id="nobody-knows"),
        pytest.param(b"localhost", b"U", "None", "local", id="a-command"),
        pytest.param(b"localhost", b"L\0\x00/run/x\0", "None", "local", id="unix"),
        pytest.param(b"localhost", b"4\0\x19192.0.2.7\0", "192.0.2.7", "default", id="a-lie"),
        pytest.param(
            b"\xff.example", b"4\0\x19192.0.2.9\0", "192.0.2.9", "default", id="no-utf8"
        ),
    ],
)
def test_who_is_local_is_not_for_the_client_to_say(
    tmp_path: Path, host: bytes, family: bytes, client: str, profile: str
) -> None:
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        greet(mta, host, family)
        facts = seen(play(mta, Submission(MAIL), same_session=True).edits)
    assert (facts["client"], facts["profile"]) == (client, profile)


def test_results_forged_behind_thousands_of_fields_go_too(tmp_path: Path) -> None:
    content = b"X-A: b\r\n" * 5_000 + (
        b"Authentication-Results: mx.example.net; dmarc=pass\r\nX-Spam-Flag: NO\r\n" + MAIL
    )
    with running(tmp_path, a_check("see", see)) as service, Connection(service.address) as mta:
        played = play(mta, Submission(content))
    gone = {(e.name, e.occurrence) for e in played.edits if isinstance(e, ChangeField)}
    assert gone == {("Authentication-Results", 1), ("X-Spam-Flag", 1)}


def test_a_reply_is_a_line_that_smtp_allows_and_ends_with_the_why_id(tmp_path: Path) -> None:
    text = "J\u00f6rg said:\r\n250 ok % " + "x" * 2_000
    no = Reply(550, "5.7.1", text)
    check = a_check("no", lambda _: [Proposal(Action.REJECT, "NO", no)])
    with running(tmp_path, check) as service, Connection(service.address) as mta:
        played = play(mta, Submission(MAIL))
    assert played.answer.text.startswith("550 5.7.1 J?rg said:??250 ok %% xxx")
    assert played.answer.text.endswith("x (why WHY1)")
    assert len(played.answer.text) <= 510


@pytest.mark.parametrize(
    ("subject", "tagged"),
    [
        (b"plain", b"[spam] plain"),
        ("gr\u00fc\u00df".encode(), "[spam] gr\u00fc\u00df".encode()),
        (b"gr\xfc\xdf", "[spam] gr\u00fc\u00df".encode()),
        (b"folded\r\n once", b"[spam] folded\n once"),
    ],
    ids=["ascii", "utf8", "latin1", "folded"],
)
def test_any_subject_can_be_tagged(tmp_path: Path, subject: bytes, tagged: bytes) -> None:
    table = ScoreTable({"BAD": Score(10.0)})
    fields = FieldSettings(subject_tag="[spam] ")
    content = MAIL.replace(b"Subject: x", b"Subject: " + subject)
    check = a_check("bad", lambda _: [Hit("BAD")])
    with running(tmp_path, check, table=table, fields=fields) as service:
        with Connection(service.address) as mta:
            played = play(mta, Submission(content))
    assert played.answer.kind is Kind.ACCEPT
    changed = [e.value.strip() for e in played.edits if isinstance(e, ChangeField)]
    assert changed == [tagged]
