"""session - libmilter callbacks of one connection into conversation stages.

Owns:   the translation of bytes and macros; what happens when the filter itself fails (tempfail).
Asks:   a Scanner for a Conversation.
Not here: negotiation (negotiate), edits (edits), processes (serve).
Rules of this file: one message at a time a session; abort keeps the session and drops the transaction;
        close may be the only call; no exception passes a callback.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import milter

from filterd.core.transaction import Address, Session, client_address
from filterd.core.turn import TURN
from filterd.core.verdict import Action, Reply, Verdict
from filterd.frontends.milter import edits
from filterd.limits import LIMITS
from filterd.mail.header import Gatherer
from filterd.mail.message import Message
from filterd.scan.conversation import Conversation, StageAnswer
from filterd.scan.scanner import Scanner, software_failure

log = logging.getLogger("filterd.milter")

PROGRESS_SECONDS = 5.0  # between smfi_progress calls while a tarpit holds the answer at EOM
WORDS = {
    Action.ACCEPT: milter.ACCEPT,
    Action.TAG: milter.ACCEPT,
    Action.QUARANTINE: milter.ACCEPT,
    Action.GREYLIST: milter.TEMPFAIL,
    Action.TEMPFAIL: milter.TEMPFAIL,
    Action.REJECT: milter.REJECT,
    Action.DISCARD: milter.DISCARD,
}


def text(data: bytes | str | None) -> str:
    """Macro or argument as text; what is not UTF-8 survives as surrogates."""
    if data is None:
        return ""
    return data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")


def path(data: bytes | str) -> str:
    """An SMTP path without its angle brackets."""
    return text(data).strip().removeprefix("<").removesuffix(">")


class MilterSession:
    """One connection from the MTA. Callbacks return libmilter status codes."""

    __slots__ = ("_after_field", "_body", "_body_size", "_ctx", "_gathered", "_has_failed", "_has_space",
                 "_is_oversize", "_quiet", "_scanner", "_size", "_sleep", "_talk", "was_held")  # fmt: skip

    def __init__(
        self, ctx: Any, scanner: Scanner, sleep: Callable[[float], bool], quiet: frozenset[str]
    ) -> None:
        self._ctx = ctx
        self._scanner = scanner
        self._sleep = sleep  # waits; False where the wait was refused (no place in the tarpit)
        self._quiet = quiet  # callbacks negotiated without a reply
        self._has_space = "leading-space" in quiet
        self._after_field = self._go_on("header")
        self._talk: Conversation | None = None
        self.was_held = False  # at the last command, and told to go on: what comes next?
        self._clear()

    def _clear(self) -> None:
        self._gathered = Gatherer(LIMITS.header_fields, LIMITS.header_bytes)
        self._body: list[bytes] = []
        self._body_size = 0
        self._size = 0
        self._is_oversize = False
        self._has_failed = False

    def _macro(self, name: str) -> str:
        return text(self._ctx.getsymval(name))

    def _go_on(self, callback: str) -> int:
        return milter.NOREPLY if callback in self._quiet else milter.CONTINUE

    def connect(self, host: str, family: int, address: Any) -> int:
        client = None
        if family in {socket.AF_INET, socket.AF_INET6} and address:
            client = client_address(str(address[0]))
        name = "" if host.startswith("[") or host in {"unknown", "localhost"} else host
        # A command on this machine comes without an address from "localhost"; a client whose
        # address the MTA does not know comes from "unknown", and must not pass for one of ours.
        is_local = family == socket.AF_UNIX or (client is None and host == "localhost")
        self._open(client, name.rstrip(".").lower(), is_local=is_local)
        return self._answer("connect", self._conversation.connect())

    def helo(self, name: str) -> int:
        return self._answer("helo", self._conversation.helo(name, self._macro("{tls_version}")))

    def mail(self, sender: bytes, *parameters: bytes) -> int:
        self._clear()
        talk = self._conversation
        known = talk.tx.session
        session = Session(
            client=known.client,
            client_name=known.client_name,
            helo=known.helo,
            tls=self._macro("{tls_version}") or known.tls,
            auth_user=self._macro("{auth_authen}"),
            auth_type=self._macro("{auth_type}"),
            daemon_name=known.daemon_name or self._macro("{daemon_name}"),
            daemon_port=known.daemon_port,
            mta_name=known.mta_name or self._macro("j"),
            is_local=known.is_local,
        )
        pairs = (text(p).partition("=") for p in parameters)
        given = {name.upper(): value for name, _, value in pairs}
        return self._answer("mail", talk.mail(path(sender), given, self._macro("i"), session))

    def rcpt(self, recipient: bytes, *_parameters: bytes) -> int:
        return self._answer("rcpt", self._conversation.rcpt(path(recipient), self._macro("i")))

    def field(self, name: str, value: bytes) -> int:
        raw = value if self._has_space else b" " + value
        if not name.isascii():
            name = name.encode("utf-8").decode("latin-1")  # as mail.header names it
        self._size += len(name) + len(raw) + 2
        self._gathered.add(name, raw)
        return self._after_field

    def end_of_header(self) -> int:
        self._conversation.header(self._gathered.header, self._macro("i"))
        return self._go_on("eoh")

    def body(self, chunk: bytes) -> int:
        self._size += len(chunk)
        room = LIMITS.message_bytes - self._body_size
        if room > 0:
            self._body.append(chunk[:room])
            self._body_size += min(room, len(chunk))
        if len(chunk) > room:
            self._is_oversize = True
        return self._go_on("body")

    def end_of_message(self) -> int:
        if self._has_failed:  # at a callback that could not answer
            return self._reply(software_failure(self._conversation.tx.why_id))
        gathered, body = self._gathered, b"".join(self._body)
        marks = gathered.marks | ({"oversize"} if self._is_oversize else set())
        message = Message(gathered.header, body, size=self._size, marks=marks)
        self._clear()
        with TURN.taken():
            verdict = self._conversation.end(message, self._macro("i"))
        if verdict.hold and not self._scanner.is_observing:
            self._hold(verdict.hold)
        edits.apply(self._ctx, verdict.edits, leading_space=self._has_space)
        return self._reply(verdict)

    def abort(self) -> int:
        self._clear()
        if self._talk is not None:
            self._talk.abort()
        return milter.CONTINUE

    # -- answers ----------------------------------------------------------------------------

    @property
    def _conversation(self) -> Conversation:
        if self._talk is None:  # pymilter could not hand CONNECT over: a name that is not UTF-8
            self._open(client_address(self._macro("{client_addr}")), "", is_local=False)
        assert self._talk is not None
        return self._talk

    def _open(self, client: Address | None, name: str, *, is_local: bool) -> None:
        self._talk = self._scanner.open(
            Session(
                client=client,
                client_name=name,
                daemon_name=self._macro("{daemon_name}"),
                daemon_port=self._macro("{daemon_port}"),
                mta_name=self._macro("j"),
                is_local=is_local,
            )
        )

    def _answer(self, callback: str, answer: StageAnswer) -> int:
        if callback in self._quiet:  # nobody may answer here, so nothing is answered
            return milter.NOREPLY
        if answer.delay and self._sleep(answer.delay):
            self.was_held = answer.verdict is None
        return self._reply(answer.verdict) if answer.verdict else milter.CONTINUE

    def _hold(self, seconds: float) -> None:
        """Wait at end-of-message, telling the MTA that we are alive."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._sleep(min(left, PROGRESS_SECONDS)):
                return
            self._ctx.progress()

    def _reply(self, verdict: Verdict) -> int:
        word = WORDS[verdict.action]
        if word in {milter.TEMPFAIL, milter.REJECT}:
            self._say(verdict.reply)
        return word

    def _say(self, reply: Reply | None) -> None:
        if reply is not None and reply.code >= 400:
            line = reply.text.replace("%", "%%")  # smfi_setreply(3): MTAs take one of two away
            self._ctx.setreply(str(reply.code), reply.enhanced, line)

    def broken(self, callback: str, error: Exception) -> int:
        """The answer when a callback raised `error`: defer the mail, keep the connection."""
        if isinstance(error, milter.error):  # libmilter could not tell the MTA
            log.warning("callback %s: %s; the MTA is gone, or defers", callback, error)
            return milter.TEMPFAIL
        log.exception("callback %s failed; the message is deferred", callback)
        if callback in self._quiet:
            self._has_failed = True
            return milter.NOREPLY
        if callback == "abort":
            return milter.CONTINUE
        return self._reply(software_failure(self._conversation.tx.why_id))
