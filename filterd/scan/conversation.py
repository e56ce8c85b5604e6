"""conversation - one SMTP session with the scanner: facts come in stage by stage, answers go out.

Rules of this file:
1. Ask early, judge late: when a stage's facts arrive its questions go out; a check runs at
   end-of-message, or at the stages where it may answer, after the checks it names. What these ask of
   the store is fetched in one go before the first that asks it.
2. Only this file appends to a transaction's evidence.
3. A check that raises, or comes too late, is a Failure; nothing a check does reaches the front end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filterd.auth import relay
from filterd.core.check import Check, CheckSettings
from filterd.core.errors import StoreUnavailable
from filterd.core.evidence import AuthResult, Delay, Evidence, Failure, Hit, Note, Proposal
from filterd.core.lookup import Answer, Question, Resolver, tempfail
from filterd.core.stage import Stage
from filterd.core.stores import Fact
from filterd.core.transaction import EMPTY_MESSAGE, Envelope, Session, Transaction
from filterd.core.verdict import Action, Edit, Reply, ScoredHit, Span, Verdict
from filterd.limits import LIMITS
from filterd.mail.authres import format_results
from filterd.mail.header import Header
from filterd.mail.message import Message
from filterd.scan import fields, policy
from filterd.store.reading import Announced

if TYPE_CHECKING:
    from filterd.scan.scanner import Scanner
    from filterd.scan.schedule import Plan, Step

log = logging.getLogger("filterd.scan")


@dataclass(frozen=True, slots=True)
class StageAnswer:
    """What to answer before end-of-message: hold for `delay` seconds, then `verdict`'s reply."""

    delay: float = 0.0
    verdict: Verdict | None = None  # None: go on

    @property
    def reply(self) -> Reply | None:
        return self.verdict.reply if self.verdict is not None else None


GO_ON = StageAnswer()
REPLY_CHARS = (
    440  # of a check's own text: with codes, why-id and CRLF under 512 (RFC 5321 4.5.3.1.5)
)
_FLOOD = Proposal(
    Action.REJECT,
    "FORGED_FIELDS",
    Reply(550, "5.7.1", "Too many fields that claim to come from this filter"),
)


class _Asking:
    """The questions of one transaction: so many, until its deadline.

    An object of its own, as a method of the conversation would make a ring of it and its services: the
    last message of each session then waits for the collector, 4 MB in a worker with 16 of them.
    """

    __slots__ = ("_resolver", "count", "deadline")

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.count = 0
        self.deadline = float("inf")  # monotonic

    def __call__(self, question: Question) -> Answer:
        self.count += 1
        if self.count > LIMITS.dns_questions:
            return tempfail("too many questions for one message")
        return self._resolver.ask(question, self.deadline)


class Conversation:
    """The scanner's side of one session; transactions follow one another. Not thread-safe."""

    def __init__(self, scanner: Scanner, session: Session) -> None:
        self._scanner = scanner
        self._session_done: set[str] = set()
        self._session_evidence: list[Evidence] = []
        self._session = session
        self._is_relayed = False
        self._asking = _Asking(scanner.resolver)
        services = scanner.services
        self._state: Announced | None = None
        if services.state is None:
            self._services = services._replace(ask=self._asking)
        else:
            self._state = state = Announced(services.state)
            self._services = services._replace(
                ask=self._asking, rates=state, correspondents=state, traps=state
            )
        self._has_begun = False  # something came since MAIL that `abort` must forget
        # What checks that are asked once said at this RCPT, by id: it holds for the others, too.
        self._lasting: set[int] = set()
        self.tx = Transaction(session=session)
        self._profile = scanner.profile(session)
        self._enter_session(session)
        self._reset(Envelope())

    # -- stages -----------------------------------------------------------------------------

    def connect(self) -> StageAnswer:
        """The client is known (the session given at `open`)."""
        return self._early(Stage.CONNECT)

    def helo(self, name: str, tls: str = "") -> StageAnswer:
        """HELO or EHLO, perhaps again after STARTTLS."""
        known = self._session  # where it comes from, and so its profile, stays
        greeted = replace(known, helo=name, tls=tls or known.tls)
        self._session = self.tx.session = greeted
        return self._early(Stage.HELO)

    def mail(
        self,
        reverse_path: str,
        parameters: Mapping[str, str] | None = None,
        queue_id: str = "",
        session: Session | None = None,
    ) -> StageAnswer:
        """A transaction begins; `session` brings the identity that AUTH established."""
        if session is not None:
            self._enter_session(session)
        self._reset(Envelope(reverse_path, (), parameters or {}, queue_id))
        self._has_begun = True
        return self._early(Stage.MAIL)

    def rcpt(self, recipient: str, queue_id: str = "") -> StageAnswer:
        """One recipient; a reply refuses that recipient only."""
        tx = self.tx
        if queue_id and not tx.envelope.queue_id:
            tx.envelope = replace(tx.envelope, queue_id=queue_id)
        tx.recipient = recipient
        self._lasting.clear()
        before = len(tx.evidence)
        answer = self._early(Stage.RCPT)
        if self._state is not None:
            self._state.forget()
        if answer.reply is None:
            known = tx.envelope.recipients
            if len(known) < LIMITS.recipients:
                tx.envelope = tx.envelope.to(recipient)
        else:  # what was said of a refused recipient does not count for the others; the rest does
            lasting = self._lasting
            tx.evidence[before:] = [
                e
                for e in tx.evidence[before:]
                if isinstance(e, AuthResult | Delay) or id(e) in lasting
            ]
        tx.recipient = ""
        return answer

    def header(self, header: Header, queue_id: str = "") -> None:
        """The header section is complete, the body is not: its questions go out."""
        tx = self.tx
        if queue_id and not tx.envelope.queue_id:
            tx.envelope = replace(tx.envelope, queue_id=queue_id)
        tx.message = Message(header, b"")
        if self._is_relayed:
            trusted = self._scanner.trusted_networks
            tx.session = relay.behind(tx.session, tx.message.hops, trusted)
            self._is_relayed = False
            for stage in (Stage.CONNECT, Stage.HELO, Stage.MAIL, Stage.RCPT):
                self._prefetch(stage)
        tx.stage = Stage.HEADER
        self._prefetch(Stage.HEADER)

    def end(self, message: Message, queue_id: str = "") -> Verdict:
        """The message is complete: judge it."""
        started = self._scanner.clock.monotonic()
        tx = self.tx
        if queue_id and queue_id != tx.envelope.queue_id:
            tx.envelope = replace(tx.envelope, queue_id=queue_id)
        tx.message = message
        tx.stage = Stage.EOM
        self._limit(self._scanner.settings.deadline)
        self._prefetch(Stage.EOM)
        self._run(self._plan.steps(Stage.EOM))
        verdict = self._conclude(started)
        self._scanner.observe(tx, verdict)
        return verdict

    def abort(self) -> None:
        """The transaction is over without a message (RSET, a lost connection)."""
        if self._has_begun:
            self._reset(Envelope())

    # -- work -------------------------------------------------------------------------------

    def _enter_session(self, session: Session) -> None:
        session = self._scanner.place(session)
        self._session = self.tx.session = session
        profile = self._scanner.profile(session)
        if profile is not self._profile:  # AUTH came: what the default profile said is void
            self._profile = profile
            self._session_done = set()
            self._session_evidence = []

    @property
    def _plan(self) -> Plan:
        return self._profile.plan

    def _reset(self, envelope: Envelope) -> None:
        self._has_begun = False
        self._done = set(self._session_done)
        self._spans: list[Span] = []
        self._asking.count = 0
        self._waited = sum(e.seconds for e in self._session_evidence if isinstance(e, Delay))
        client = self._session.client
        trusted = self._scanner.trusted_networks
        # a relay of ours in front: who sent it is in its Received field, and nobody is asked before
        self._is_relayed = client is not None and relay.is_within(client, trusted)
        self.tx = Transaction(
            session=self._session,
            envelope=envelope,
            message=EMPTY_MESSAGE,
            profile=self._profile.name,
            why_id=self._scanner.new_id(),
            arrived=self._scanner.clock.now(),
            evidence=list(self._session_evidence),
        )

    def _limit(self, seconds: float) -> None:
        """The checks that run now have so long, all together."""
        self.tx.deadline = self._asking.deadline = self._scanner.clock.monotonic() + seconds

    def _prefetch(self, stage: Stage) -> None:
        tx = self.tx
        for check, settings in self._plan.asking(stage):
            if check.name in self._done:
                continue
            try:
                self._scanner.resolver.prefetch(check.questions(tx, settings))
            except Exception:  # only latency is lost; `run` will say what is wrong
                log.exception("%s: questions of %s failed", tx.envelope.queue_id, check.name)

    def _early(self, stage: Stage) -> StageAnswer:
        tx = self.tx
        tx.stage = stage
        tx.profile = self._profile.name
        self._limit(self._scanner.settings.early_deadline)
        if self._is_relayed:
            return GO_ON
        self._prefetch(stage)
        steps = self._plan.steps(stage)
        if not steps:
            return GO_ON
        started = self._scanner.clock.monotonic()
        before = len(tx.evidence)
        self._run(steps)
        if stage <= Stage.HELO:
            self._session_evidence = list(tx.evidence)
            self._session_done = set(self._done)
        fresh = tx.evidence[before:]
        if not fresh:
            return GO_ON
        delay = sum(e.seconds for e in fresh if isinstance(e, Delay))
        self._waited += delay
        allow_discard = self._scanner.settings.allow_discard
        decision = policy.decide(fresh, None, (), allow_discard=allow_discard)
        if self._scanner.is_observing:
            return GO_ON
        if decision.action in {Action.ACCEPT, Action.TAG} or decision.reply is None:
            return StageAnswer(delay)
        if decision.action in {Action.QUARANTINE, Action.DISCARD}:
            return StageAnswer(delay)  # these need the message; the evidence stays
        verdict = self._verdict(decision, started, stage)
        self._scanner.observe(tx, verdict)
        return StageAnswer(delay, verdict)

    def _run(self, steps: Iterable[Step]) -> None:
        """Run checks, one after another, and keep what they say."""
        tx, done = self.tx, self._done
        monotonic, services = self._scanner.clock.monotonic, self._services
        word = tx.stage.word
        started = monotonic()
        for check, settings, is_once, announcing in steps:
            name = check.name
            if is_once and name in done:
                continue
            done.add(name)
            if announcing and self._state is not None:
                self._expect(self._state, announcing)
            before = len(tx.evidence)
            reason = ""
            if started > tx.deadline:
                reason = "no time left"
            else:
                try:
                    tx.evidence.extend(check.run(tx, settings, services))
                except StoreUnavailable as error:
                    reason = f"store unavailable: {error}"
                except Exception as error:
                    log.exception("%s: check %s failed", tx.envelope.queue_id, name)
                    reason = f"{type(error).__name__}: {error}"
            if reason:
                tx.evidence.append(Failure(name, reason, defer=settings.on_error == "defer"))
                tx.evidence.append(Hit("CHECK_ERROR", f"{name}: {reason}"))
            if is_once and tx.recipient:
                self._lasting.update(map(id, tx.evidence[before:]))
            ended = monotonic()
            self._spans.append(Span(name, (ended - started) * 1000, word))
            started = ended

    def _expect(
        self, state: Announced, announcing: Iterable[tuple[Check, CheckSettings]]
    ) -> None:
        """Fetch what these checks will ask of the store."""
        wanted: list[Fact] = []
        for check, settings in announcing:
            try:
                wanted += check.facts(self.tx, settings)
            except Exception:  # `run` will say what is wrong
                log.exception("%s: facts of %s failed", self.tx.envelope.queue_id, check.name)
        state.expect(wanted)

    def _conclude(self, started: float) -> Verdict:
        """Score, decide, and say what is to be changed about the message."""
        scanner = self._scanner
        profile = self._profile
        header, authserv_id = self.tx.message.header, scanner.authserv_id(self.tx)
        if fields.are_too_many(header, authserv_id, scanner.fields):
            self.tx.evidence.append(_FLOOD)
        hits, score = scanner.table.apply(self.tx.evidence)
        decision = policy.decide(
            self.tx.evidence,
            score if profile.score else None,
            profile.thresholds,
            allow_discard=scanner.settings.allow_discard,
        )
        would = None
        if (
            scanner.is_observing
            and policy.SEVERITY[decision.action] > policy.SEVERITY[Action.ACCEPT]
        ):
            would, decision = decision.action, policy.Decision(Action.ACCEPT, decision.decisive)
        elif scanner.is_observing:
            would = Action.ACCEPT
        verdict = self._verdict(
            decision, started, Stage.EOM, hits=hits, score=score, would=would
        )
        if decision.action in {Action.ACCEPT, Action.TAG, Action.QUARANTINE}:
            notes = [e for e in self.tx.evidence if isinstance(e, Note)]
            changes = fields.edits(verdict, header, notes, scanner.fields, authserv_id)
            verdict.edits = changes + self._sealed(verdict, changes)
        return verdict

    def _sealed(self, verdict: Verdict, changes: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """Signatures of our own mail, seals of other people's; on top of everything else."""
        scanner, session = self._scanner, self.tx.session
        if scanner.sealing is None or scanner.is_observing:
            return ()
        return scanner.sealing.fields(
            self.tx.message,
            is_ours=session.is_authenticated or session.is_local,
            account=verdict.authentication_results,
            now=scanner.clock.now(),
            edits=changes,
        )

    def _verdict(
        self,
        decision: policy.Decision,
        started: float,
        stage: Stage,
        *,
        hits: tuple[ScoredHit, ...] | None = None,
        score: float = 0.0,
        would: Action | None = None,
    ) -> Verdict:
        scanner, tx, profile = self._scanner, self.tx, self._profile
        scored = hits
        if scored is None:
            scored, score = scanner.table.apply(tx.evidence)
        results = tuple(e for e in tx.evidence if isinstance(e, AuthResult))
        delayed = sum(e.seconds for e in tx.evidence if isinstance(e, Delay))
        reply = decision.reply
        if reply is not None:
            text = fields.clean(reply.text)[:REPLY_CHARS]
            reply = Reply(reply.code, reply.enhanced, f"{text} (why {tx.why_id})")
        return Verdict(
            action=decision.action,
            score=score,
            why_id=tx.why_id,
            reply=reply,
            hits=scored,
            auth_results=results,
            authentication_results=(
                format_results(scanner.authserv_id(tx), results)
                if stage is Stage.EOM and scanner.fields.authentication_results
                else ""
            ),
            decisive=decision.decisive,
            profile=profile.name,
            thresholds=profile.thresholds,
            would=would,
            failures=tuple(
                dict.fromkeys(
                    f"{e.check}: {e.reason}" for e in tx.evidence if isinstance(e, Failure)
                )
            ),
            marks=tuple(sorted(tx.message.marks)) if stage is Stage.EOM else (),
            spans=tuple(self._spans),
            milliseconds=(scanner.clock.monotonic() - started) * 1000,
            delayed=delayed,
            hold=max(0.0, delayed - self._waited),
            stage=stage.word,
        )
