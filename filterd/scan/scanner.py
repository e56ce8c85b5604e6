"""scanner - plan, settings and services held together; opens conversations, scans submissions.

Owns:   Scanner, Submission, Profile choice. Knows no front end, no concrete store or resolver.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from filterd.auth.seal import Sealing
from filterd.core.check import Services
from filterd.core.clock import Clock
from filterd.core.lookup import Resolver
from filterd.core.settings import Network
from filterd.core.transaction import Session, Transaction
from filterd.core.verdict import Action, Reply, Verdict
from filterd.mail.message import Message
from filterd.scan.conversation import Conversation
from filterd.scan.schedule import Plan
from filterd.scan.score import ScoreTable
from filterd.scan.settings import FieldSettings, ProfileSettings, ScanSettings, Thresholds

Observer = Callable[[Transaction, Verdict], None]


def ignore(_tx: Transaction, _verdict: Verdict) -> None:
    """The observer of scans that nobody watches (CLI, tests)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with everything resolved."""

    name: str
    plan: Plan
    thresholds: tuple[tuple[str, float], ...]
    score: bool
    networks: tuple[Network, ...] = ()
    daemon_names: tuple[str, ...] = ()


def resolve_profiles(
    plan: Plan, thresholds: Thresholds, profiles: Mapping[str, ProfileSettings]
) -> dict[str, Profile]:
    """Apply each profile's switches and thresholds to the common plan."""
    return {
        name: Profile(
            name,
            plan.without(chosen.disable),
            thresholds.model_copy(update=chosen.thresholds.model_dump(exclude_none=True)).table,
            chosen.score,
            chosen.networks,
            chosen.daemon_names,
        )
        for name, chosen in profiles.items()
    }


@dataclass(frozen=True, slots=True)
class Submission:
    """A complete message with its envelope, given at once (CLI, HTTP)."""

    message: Message
    session: Session
    reverse_path: str = ""
    recipients: Sequence[str] = ()
    queue_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scanner:
    """Everything a scan needs; shared by all conversations of a process, never changed."""

    profiles: Mapping[str, Profile]  # has "default", "local", "authenticated"
    services: Services
    resolver: Resolver
    table: ScoreTable
    clock: Clock
    new_id: Callable[[], str]
    settings: ScanSettings = field(default_factory=ScanSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)
    local_networks: Sequence[Network] = ()
    trusted_networks: Sequence[Network] = ()  # relays in front of us
    host_name: str = "localhost"
    configured_authserv_id: str = ""
    is_observing: bool = False
    observe: Observer = ignore
    sealing: Sealing | None = None  # None: nothing is signed or sealed

    def open(self, session: Session) -> Conversation:
        """Begin a conversation with the client of that session."""
        return Conversation(self, session)

    def scan(self, submission: Submission) -> Verdict:
        """Play a complete message through the same stages as the milter does.

        An early reply ends it, as it would end the SMTP dialogue. With several recipients one that
        is refused at RCPT is left out; when none is left, the last refusal is the verdict.
        """
        talk = self.open(submission.session)
        for answer in (
            talk.connect(),
            talk.helo(submission.session.helo),
        ):
            if answer.verdict is not None:
                return answer.verdict
        begun = talk.mail(submission.reverse_path, submission.parameters, submission.queue_id)
        if begun.verdict is not None:
            return begun.verdict
        refused: Verdict | None = None
        accepted = 0
        for recipient in submission.recipients:
            answer = talk.rcpt(recipient, submission.queue_id)
            if answer.verdict is not None:
                refused = answer.verdict
            else:
                accepted += 1
        if refused is not None and not accepted:
            return refused
        talk.header(submission.message.header)
        return talk.end(submission.message)

    def place(self, session: Session) -> Session:
        """Mark a client of our own networks as local."""
        client = session.client
        if client is None or session.is_local:
            return session
        is_local = any(
            client.version == network.version and client in network
            for network in self.local_networks
        )
        return dataclasses.replace(session, is_local=True) if is_local else session

    def profile(self, session: Session) -> Profile:
        """The first profile whose networks or daemon names fit, else by who the client is."""
        for chosen in self.profiles.values():
            if chosen.networks or chosen.daemon_names:
                client = session.client
                if session.daemon_name and session.daemon_name in chosen.daemon_names:
                    return chosen
                if client is not None and any(
                    client.version == n.version and client in n for n in chosen.networks
                ):
                    return chosen
        if session.is_authenticated:
            return self.profiles["authenticated"]
        return self.profiles["local" if session.is_local else "default"]

    def authserv_id(self, tx: Transaction) -> str:
        """Ours by config, else the MTA's own name, else this host's (RFC 8601 2.5)."""
        return self.configured_authserv_id or tx.session.mta_name or self.host_name


def software_failure(why_id: str) -> Verdict:
    """The answer when the filter itself broke: the mail is deferred, never lost or passed."""
    text = f"The filter could not check the message, try again later (why {why_id})"
    return Verdict(Action.TEMPFAIL, 0.0, why_id, Reply(451, "4.3.0", text), decisive="error")
