from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from filterd.auth.keyfile import Signer
from filterd.auth.seal import Sealing
from filterd.checks import correspondent, ratelimit, trap
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.clock import FixedClock
from filterd.core.errors import StoreUnavailable
from filterd.core.evidence import Delay, Evidence, Hit, Proposal
from filterd.core.lookup import Answer, Question, RRType, Status
from filterd.core.stage import Stage
from filterd.core.stores import Fact
from filterd.core.transaction import Session, Transaction, client_address
from filterd.core.verdict import Action, InsertField, Reply, Verdict
from filterd.limits import LIMITS
from filterd.scan.scanner import Scanner, Submission
from filterd.scan.settings import ScanSettings
from tests.support.builders import a_message
from tests.support.scanning import Recorder, a_check, a_scanner
from tests.support.signing import rsa_key
from tests.support.watched import Watched

LATER = Reply(451, "4.7.1", "later")


SESSION = Session(client=client_address("192.0.2.1"), helo="mail.example.org")
MESSAGE = a_message("From: a@example.org\nSubject: x\n\nbody\n")


def submission(*recipients: str, session: Session = SESSION) -> Submission:
    return Submission(MESSAGE, session, "a@example.org", recipients or ("u@example.net",))


def test_questions_go_out_when_their_facts_arrive() -> None:
    resolver = Recorder()
    scanner = a_scanner(
        a_check("late", lambda _: (), stage=Stage.HEADER, asks="late.example"),
        a_check("early", lambda _: (), stage=Stage.CONNECT, asks="early.example"),
        resolver=resolver,
    )
    talk = scanner.open(SESSION)
    talk.connect()
    assert resolver.sent == ["early.example"]
    talk.helo("h")
    talk.mail("a@example.org")
    talk.rcpt("u@example.net")
    assert resolver.sent == ["early.example"]
    talk.header(MESSAGE.header)
    assert resolver.sent == ["early.example", "late.example"]


def test_a_recipient_that_is_refused_is_left_out_and_the_others_go_on() -> None:
    def grey(tx: Transaction) -> Iterable[Evidence]:
        if tx.recipient == "new@example.net":
            yield Proposal(Action.GREYLIST, "GREYLISTED", LATER)
            yield Hit("SUSPECT")

    seen: list[Verdict] = []
    scanner = a_scanner(a_check("grey", grey, runs=[Stage.RCPT]), seen=seen)
    talk = scanner.open(SESSION)
    talk.connect()
    talk.helo("h")
    talk.mail("a@example.org")
    assert talk.rcpt("old@example.net").reply is None
    refused = talk.rcpt("new@example.net").reply
    assert refused is not None
    assert refused.code == 451
    assert "WHY1" in refused.text
    verdict = talk.end(MESSAGE)
    assert verdict.action is Action.ACCEPT
    assert talk.tx.envelope.recipients == ("old@example.net",)
    assert [hit.symbol for hit in verdict.hits] == []
    assert [v.stage for v in seen] == ["rcpt", "eom"]


def test_what_is_asked_once_counts_though_it_was_asked_for_a_refused_recipient() -> None:
    def grey(tx: Transaction) -> Iterable[Evidence]:
        yield Delay(1.0, "WAITED")
        if tx.recipient == "new@example.net":
            yield Hit("SUSPECT")
            yield Proposal(Action.GREYLIST, "GREYLISTED", LATER)

    def broken(_tx: Transaction) -> Iterable[Evidence]:
        raise ValueError("no")

    client = a_check("client", lambda _: [Hit("LISTED")], stage=Stage.CONNECT, runs=[Stage.EOM])
    lame = a_check("lame", broken, stage=Stage.CONNECT, runs=[Stage.EOM])
    scanner = a_scanner(
        client,
        lame,
        a_check("grey", grey, runs=[Stage.RCPT], after=("client", "lame")),
    )
    talk = scanner.open(SESSION)
    talk.connect()
    talk.helo("h")
    talk.mail("a@example.org")
    assert talk.rcpt("new@example.net").reply is not None
    assert talk.rcpt("old@example.net").reply is None
    verdict = talk.end(MESSAGE)
    assert {hit.symbol for hit in verdict.hits} == {"LISTED", "CHECK_ERROR"}
    assert verdict.failures == ("lame: ValueError: no",)
    assert sum(e.seconds for e in talk.tx.evidence if isinstance(e, Delay)) == 2


def test_when_every_recipient_is_refused_the_refusal_is_the_verdict() -> None:
    def grey(_tx: Transaction) -> Iterable[Evidence]:
        yield Proposal(Action.GREYLIST, "GREYLISTED", LATER)

    verdict = a_scanner(a_check("grey", grey, runs=[Stage.RCPT])).scan(submission())
    assert (verdict.action, verdict.stage) == (Action.GREYLIST, "rcpt")


def test_an_early_check_first_runs_what_it_builds_on_once() -> None:
    order: list[str] = []

    def say(name: str) -> Callable[[Transaction], Iterable[Evidence]]:
        def run(_tx: Transaction) -> Iterable[Evidence]:
            order.append(name)
            return ()

        return run

    scanner = a_scanner(
        a_check("facts", say("facts"), stage=Stage.CONNECT),
        a_check("dkim", say("dkim"), stage=Stage.HEADER),
        a_check("grey", say("grey"), runs=[Stage.RCPT], after=("facts", "dkim")),
    )
    scanner.scan(submission())
    assert order == ["facts", "grey", "dkim"]


def test_a_star_runs_all_that_is_known_by_then() -> None:
    order: list[str] = []

    def say(name: str) -> Callable[[Transaction], Iterable[Evidence]]:
        def run(_tx: Transaction) -> Iterable[Evidence]:
            order.append(name)
            return ()

        return run

    scanner = a_scanner(
        a_check("body", say("body"), stage=Stage.EOM),
        a_check("client", say("client"), stage=Stage.CONNECT),
        a_check("sender", say("sender"), stage=Stage.MAIL),
        a_check("grey", say("grey"), runs=[Stage.RCPT], after=("*",)),
    )
    scanner.scan(submission())
    assert order == ["client", "sender", "grey", "body"]


@pytest.mark.parametrize(
    ("on_error", "action"), [("ignore", Action.ACCEPT), ("defer", Action.TEMPFAIL)]
)
@pytest.mark.parametrize("error", [RuntimeError("boom"), StoreUnavailable("timeout")], ids=repr)
def test_a_check_that_raises_is_a_failure_with_its_consequence(
    on_error: str, action: Action, error: Exception
) -> None:
    def fail(_tx: Transaction) -> Iterable[Evidence]:
        raise error

    scanner = a_scanner(
        a_check("broken", fail),
        check_settings={"broken": CheckSettings.model_validate({"on_error": on_error})},
    )
    verdict = scanner.scan(submission())
    assert verdict.action is action
    assert str(error) in verdict.failures[0]
    assert "CHECK_ERROR" in [hit.symbol for hit in verdict.hits]


def test_a_check_that_comes_after_the_deadline_is_a_failure() -> None:
    clock = FixedClock()

    def slow(_tx: Transaction) -> Iterable[Evidence]:
        clock.advance(9)
        return ()

    scanner = a_scanner(
        a_check("slow", slow),
        a_check("late", lambda _: [Hit("LATE")]),
        clock=clock,
        settings=ScanSettings(deadline=8.0),
    )
    assert scanner.scan(submission()).failures == ("late: no time left",)


def test_delays_are_answered_at_their_stage_and_not_again() -> None:
    def tarpit(tx: Transaction) -> Iterable[Evidence]:
        yield Delay(2.0 if tx.stage is Stage.CONNECT else 3.0, "TARPIT")

    scanner = a_scanner(a_check("tarpit", tarpit, runs=[Stage.CONNECT, Stage.EOM]))
    talk = scanner.open(SESSION)
    assert talk.connect().delay == 2.0
    talk.helo("h")
    talk.mail("a@example.org")
    talk.rcpt("u@example.net")
    verdict = talk.end(MESSAGE)
    assert (verdict.delayed, verdict.hold) == (5.0, 3.0)


def test_authentication_brings_a_profile_that_forgets_what_strangers_did() -> None:
    scanner = a_scanner(a_check("strangers", lambda _: [Hit("STRANGER")], runs=[Stage.CONNECT]))
    talk = scanner.open(SESSION)
    talk.connect()
    talk.helo("h")
    talk.mail("a@example.org", session=dataclasses.replace(SESSION, auth_user="joe"))
    talk.rcpt("u@example.net")
    verdict = talk.end(MESSAGE)
    assert (verdict.profile, verdict.hits) == ("authenticated", ())


def test_messages_of_one_session_do_not_share_evidence() -> None:
    scanner = a_scanner(
        a_check("from", lambda tx: [Hit("MINE", tx.envelope.reverse_path)], stage=Stage.MAIL)
    )
    talk = scanner.open(SESSION)
    talk.connect()
    talk.helo("h")
    details = []
    for sender in ("a@example.org", "b@example.org"):
        talk.mail(sender)
        talk.rcpt("u@example.net")
        details.append([hit.detail for hit in talk.end(MESSAGE).hits])
    assert details == [["a@example.org"], ["b@example.org"]]


def test_observing_changes_nothing_and_says_what_would_have_been_done() -> None:
    def refuse(_tx: Transaction) -> Iterable[Evidence]:
        yield Proposal(Action.REJECT, "NO", Reply(550, "5.7.1", "no"))

    scanner = a_scanner(a_check("no", refuse, runs=[Stage.RCPT, Stage.EOM]), is_observing=True)
    verdict = scanner.scan(submission())
    assert (verdict.action, verdict.would) == (Action.ACCEPT, Action.REJECT)
    assert [getattr(edit, "name", "") for edit in verdict.edits] == ["X-Filterd-Would"]


def test_too_many_questions_for_one_message_are_not_asked() -> None:
    answers: list[Answer] = []

    def greedy(_tx: Transaction, _settings: Any, services: Services) -> Iterable[Evidence]:
        answers.extend(services.ask(Question(f"n{n}.example", RRType.A)) for n in range(300))
        return ()

    scanner = a_scanner(Check("greedy", Stage.EOM, greedy))
    scanner.scan(submission())
    assert answers[0].status is Status.NXDOMAIN
    assert answers[-1].status is Status.TEMPFAIL


@pytest.mark.parametrize(
    ("session", "changes", "signs"),
    [
        (Session(client_address("192.0.2.1"), auth_user="ann"), {}, True),
        (Session(None, is_local=True), {}, True),
        (Session(client_address("192.0.2.1")), {}, False),
        (Session(client_address("192.0.2.1"), auth_user="ann"), {"is_observing": True}, False),
    ],
    ids=["authenticated", "local", "stranger", "observing"],
)
def test_only_mail_of_our_own_clients_is_signed(
    session: Session, changes: dict[str, Any], signs: bool
) -> None:
    sealing = Sealing(signers=(Signer("example.org", "s", rsa_key()),))
    scanner = a_scanner(sealing=sealing, **changes)
    talk = scanner.open(session)
    talk.mail("ann@example.org")
    verdict = talk.end(a_message("From: ann@example.org\n\nHi\n"))
    inserted = [edit.name for edit in verdict.edits if isinstance(edit, InsertField)]
    assert ("DKIM-Signature" in inserted) is signs


def test_behind_a_trusted_relay_the_client_is_who_wrote_to_the_relay() -> None:
    seen: list[tuple[str, str]] = []

    def see(tx: Transaction) -> Iterable[Evidence]:
        seen.append((tx.stage.name, str(tx.session.client)))
        return ()

    scanner = a_scanner(
        a_check("early", see, runs=[Stage.CONNECT, Stage.RCPT, Stage.EOM]),
        trusted_networks=[ip_network("192.0.2.0/24")],
    )
    relayed = a_message(
        "Received: from mail.sender.example (mail.sender.example [198.51.100.7])\n"
        "\tby relay.example.net (Postfix) with ESMTP id 4X; Sat, 21 Nov 2026 12:00:00 +0000\n"
        "From: a@example.org\n\nbody\n"
    )
    talk = scanner.open(SESSION)
    talk.connect()
    talk.helo("relay.example.net")
    for _ in range(2):
        talk.mail("a@example.org")
        talk.rcpt("u@example.net")
        talk.header(relayed.header)
        talk.end(relayed)
    assert seen == [("EOM", "198.51.100.7")] * 2


def test_more_forged_fields_than_an_mta_can_remove_are_refused() -> None:
    few, many = LIMITS.removals, LIMITS.removals + 1
    for count, action in ((few, Action.ACCEPT), (many, Action.REJECT)):
        message = a_message("X-Spam-Flag: NO\n" * count + "From: a@example.org\n\nbody\n")
        verdict = a_scanner().scan(Submission(message, SESSION, "", ("u@example.net",)))
        assert verdict.action is action
    assert verdict.decisive == "FORGED_FIELDS"
    other = a_message("Authentication-Results: else.example; x=pass\n" * many + "\nbody\n")
    assert a_scanner().scan(Submission(other, SESSION)).action is Action.ACCEPT


def a_scanner_with(state: Watched, tmp_path: Path, *more: Check) -> Scanner:
    """The checks that ask the store at RCPT, with a trap that is not hit."""
    traps = tmp_path / "traps"
    traps.write_text("trap@example.net\n")
    asking = (trap.CHECK, correspondent.CHECK, ratelimit.CHECK)
    scanner = a_scanner(
        *(dataclasses.replace(check, after=()) for check in asking),
        *more,
        check_settings={"trap": trap.Settings(files=(str(traps),))},
    )
    scanner.services = scanner.services._replace(
        rates=state, correspondents=state, traps=state, state=state
    )
    return scanner


def test_what_the_checks_ask_of_the_store_at_rcpt_is_one_trip(tmp_path: Path) -> None:
    state = Watched()
    talk = a_scanner_with(state, tmp_path).open(SESSION)
    talk.connect()
    talk.helo("h")
    talk.mail("a@example.org")
    assert state.trips == []
    assert talk.rcpt("u@example.net").reply is None
    (asked,) = state.trips
    assert [kind for kind, _ in asked] == ["trap", "correspondent", "bucket"]
    assert talk.rcpt("v@example.net").reply is None
    assert len(state.trips) == 2
    verdict = talk.end(MESSAGE)
    assert (verdict.failures, len(state.trips)) == ((), 2)


def test_a_store_that_is_down_is_waited_for_once_at_rcpt(tmp_path: Path) -> None:
    state = Watched()
    state.is_down = True
    talk = a_scanner_with(state, tmp_path).open(SESSION)
    talk.mail("a@example.org")
    assert talk.rcpt("u@example.net").reply is None
    assert len(state.trips) == 1
    failures = talk.end(MESSAGE).failures
    assert [text.partition(":")[0] for text in failures] == [
        "trap",
        "correspondent",
        "ratelimit",
    ]


def test_a_check_that_cannot_say_what_it_will_ask_costs_no_answer(tmp_path: Path) -> None:
    def facts(_tx: Transaction, _settings: Any) -> Iterable[Fact]:
        raise ValueError("no facts")

    broken = dataclasses.replace(
        a_check("broken", lambda _: (), runs=[Stage.RCPT]), facts=facts
    )
    state = Watched()
    talk = a_scanner_with(state, tmp_path, broken).open(SESSION)
    talk.mail("a@example.org")
    assert talk.rcpt("u@example.net").reply is None
    assert len(state.trips) == 1
