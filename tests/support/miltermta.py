"""miltermta - the MTA's side of the milter protocol, version 6, as Postfix and Sendmail speak it.

Owns:   Connection (one socket, one command a method, any order), Answer, Outcome, the edits a milter sends,
        play (a whole message, as smtpd and cleanup do), edited (the message after the edits).
Not here: what a filter ought to answer; SMTP.

The numbers are those of libmilter's mfapi.h and mfdef.h. A `Connection` does what it is told, in whatever
order: the fuzz targets rely on that. What was negotiated away is not sent, and no reply is awaited where
the milter said that it sends none; `force` sends regardless.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from types import TracebackType
from typing import Self

VERSION = 6
CHUNK = 65535  # bytes of body in one packet: MILTER_CHUNK_SIZE; Postfix sends the same
MAX_PACKET = 64 << 20  # bytes; far above anything a milter may answer


class Step(IntFlag):
    """Protocol flags: what the milter does not want to see (NO), or does not answer (NR)."""

    NO_CONNECT = 0x1
    NO_HELO = 0x2
    NO_MAIL = 0x4
    NO_RCPT = 0x8
    NO_BODY = 0x10
    NO_FIELDS = 0x20
    NO_END_OF_HEADER = 0x40
    NR_FIELD = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    RCPT_REJECTED = 0x800
    NR_CONNECT = 0x1000
    NR_HELO = 0x2000
    NR_MAIL = 0x4000
    NR_RCPT = 0x8000
    NR_DATA = 0x10000
    NR_UNKNOWN = 0x20000
    NR_END_OF_HEADER = 0x40000
    NR_BODY = 0x80000
    LEADING_SPACE = 0x100000


class Can(IntFlag):
    """Action flags: what the milter may do to the message."""

    ADD_FIELDS = 0x1
    CHANGE_BODY = 0x2
    ADD_RECIPIENT = 0x4
    DELETE_RECIPIENT = 0x8
    CHANGE_FIELDS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENT_PARAMETERS = 0x80
    CHOOSE_MACROS = 0x100


ALL_STEPS = Step(0x1FFFFF)
ALL_ACTIONS = Can(0x1FF)


class Kind(Enum):
    """What a milter may answer to a command."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    REPLY = b"y"
    SKIP = b"s"
    CONNECTION_FAILED = b"f"
    SHUTDOWN = b"4"
    NONE = b""  # nothing: the milter had said that it answers nothing here


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `text` is the SMTP reply ("451 4.7.1 Try later") where the kind is REPLY."""

    kind: Kind
    text: str = ""

    @property
    def goes_on(self) -> bool:
        """True when the dialogue continues with the next command."""
        return self.kind in {Kind.CONTINUE, Kind.SKIP, Kind.NONE}

    @property
    def code(self) -> int:
        """The SMTP code the client would see: 250, 451, 550 or that of the text."""
        match self.kind:
            case Kind.REPLY:
                return int(self.text[:3])
            case Kind.REJECT:
                return 550
            case Kind.TEMPFAIL | Kind.CONNECTION_FAILED | Kind.SHUTDOWN:
                return 451
            case Kind.CONTINUE | Kind.ACCEPT | Kind.DISCARD | Kind.SKIP | Kind.NONE:
                return 250


@dataclass(frozen=True, slots=True)
class AddField:
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class InsertField:
    index: int  # 0 = top
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class ChangeField:
    name: str
    occurrence: int  # from 1, top first
    value: bytes  # b"" deletes


@dataclass(frozen=True, slots=True)
class Quarantine:
    reason: str


@dataclass(frozen=True, slots=True)
class AddRecipient:
    path: str


@dataclass(frozen=True, slots=True)
class DeleteRecipient:
    path: str


@dataclass(frozen=True, slots=True)
class ChangeSender:
    path: str


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    content: bytes


Edit = (
    AddField
    | InsertField
    | ChangeField
    | Quarantine
    | AddRecipient
    | DeleteRecipient
    | ChangeSender
    | ReplaceBody
)


class Stage(Enum):
    """Stages for which macros are sent (SMFIM_*); the letter is the command they go before."""

    CONNECT = (0, b"C")
    HELO = (1, b"H")
    MAIL = (2, b"M")
    RCPT = (3, b"R")
    DATA = (4, b"T")
    END_OF_MESSAGE = (5, b"E")
    END_OF_HEADER = (6, b"N")


# What Postfix 3.7 sends unless the milter chooses (milter_*_macros).
POSTFIX_MACROS: Mapping[Stage, tuple[str, ...]] = {
    Stage.CONNECT: ("j", "{daemon_name}", "{daemon_addr}", "v"),
    Stage.HELO: (
        "{tls_version}",
        "{cipher}",
        "{cipher_bits}",
        "{cert_subject}",
        "{cert_issuer}",
    ),
    Stage.MAIL: (
        "i",
        "{auth_type}",
        "{auth_authen}",
        "{auth_author}",
        "{mail_addr}",
        "{mail_host}",
        "{mail_mailer}",
    ),
    Stage.RCPT: ("i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"),
    Stage.DATA: ("i",),
    Stage.END_OF_HEADER: ("i",),
    Stage.END_OF_MESSAGE: ("i",),
}


class MilterGoneError(ConnectionError):
    """The milter closed or reset the connection, or was silent for too long."""


class MilterSyntaxError(ValueError):
    """The milter sent something that is not an answer to the command."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer at end-of-message, and what the milter asked for before it."""

    answer: Answer
    edits: tuple[Edit, ...] = ()
    progress: int = 0  # SMFIR_PROGRESS packets

    def added(self, name: str) -> list[bytes]:
        """Values of the fields of that name that were added or inserted, in order."""
        return [
            edit.value
            for edit in self.edits
            if isinstance(edit, AddField | InsertField) and edit.name.lower() == name.lower()
        ]


@dataclass(slots=True)
class Connection:
    """One connection to a milter at `address`: ("127.0.0.1", port) or the path of a UNIX socket."""

    address: tuple[str, int] | str
    offered_actions: Can = ALL_ACTIONS
    offered_steps: Step = ALL_STEPS
    version: int = VERSION
    seconds: float = 30.0
    macros: dict[str, str] = field(default_factory=dict)
    actions: Can = field(init=False)
    steps: Step = field(init=False)
    chosen_macros: dict[Stage, tuple[str, ...]] = field(init=False)
    _socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        family = socket.AF_UNIX
        if not isinstance(self.address, str):
            family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(self.seconds)
        try:
            if family != socket.AF_UNIX:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.connect(self.address)
            self._negotiate()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- the commands, any order

    def connect(
        self, host: str = "mail.example.org", address: str = "192.0.2.1", port: int = 40000
    ) -> Answer:
        """SMFIC_CONNECT. An address with a colon is IPv6, "" is an unknown family."""
        family = b"U" if not address else b"6" if ":" in address else b"4"
        text = host.encode() + b"\0" + family
        if family != b"U":
            literal = f"IPv6:{address}" if family == b"6" else address
            text += struct.pack("!H", port) + literal.encode() + b"\0"
        return self._command(Stage.CONNECT, b"C", text, Step.NO_CONNECT, Step.NR_CONNECT)

    def helo(self, name: str = "mail.example.org") -> Answer:
        """SMFIC_HELO."""
        text = _text(name) + b"\0"
        return self._command(Stage.HELO, b"H", text, Step.NO_HELO, Step.NR_HELO)

    def mail(self, path: str = "<sender@example.org>", *parameters: str) -> Answer:
        """SMFIC_MAIL; the path with its angle brackets, then ESMTP parameters."""
        text = b"\0".join(_text(word) for word in (path, *parameters)) + b"\0"
        return self._command(Stage.MAIL, b"M", text, Step.NO_MAIL, Step.NR_MAIL)

    def rcpt(self, path: str = "<user@example.net>", *parameters: str) -> Answer:
        """SMFIC_RCPT."""
        text = b"\0".join(_text(word) for word in (path, *parameters)) + b"\0"
        return self._command(Stage.RCPT, b"R", text, Step.NO_RCPT, Step.NR_RCPT)

    def data(self) -> Answer:
        """SMFIC_DATA."""
        return self._command(Stage.DATA, b"T", b"", Step.NO_DATA, Step.NR_DATA)

    def unknown(self, command: str) -> Answer:
        """SMFIC_UNKNOWN: an SMTP command nobody knows."""
        text = _text(command) + b"\0"
        return self._command(None, b"U", text, Step.NO_UNKNOWN, Step.NR_UNKNOWN)

    def field(self, name: bytes, value: bytes) -> Answer:
        """SMFIC_HEADER. `value` as it arrived: with its leading space, folded with LF."""
        if Step.LEADING_SPACE not in self.steps and value[:1] == b" ":
            value = value[1:]
        text = name + b"\0" + value + b"\0"
        return self._command(None, b"L", text, Step.NO_FIELDS, Step.NR_FIELD)

    def end_of_header(self) -> Answer:
        """SMFIC_EOH."""
        return self._command(
            Stage.END_OF_HEADER, b"N", b"", Step.NO_END_OF_HEADER, Step.NR_END_OF_HEADER
        )

    def body(self, chunk: bytes) -> Answer:
        """SMFIC_BODY, one packet."""
        return self._command(None, b"B", chunk, Step.NO_BODY, Step.NR_BODY)

    def end_of_message(self, chunk: bytes = b"") -> Outcome:
        """SMFIC_BODYEOB and everything the milter does then, up to its final answer."""
        self._send_macros(Stage.END_OF_MESSAGE)
        self.send(b"E", chunk)
        edits: list[Edit] = []
        progress = 0
        while True:
            command, text = self.receive()
            if command == b"p":
                progress += 1
            elif (edit := _edit(command, text)) is not None:
                edits.append(edit)
            else:
                return Outcome(_answer(command, text), tuple(edits), progress)

    def abort(self) -> None:
        """SMFIC_ABORT: the transaction is over, the session is not. Never answered."""
        self.send(b"A")

    def new_session(self) -> None:
        """SMFIC_QUIT_NC: the session is over, another follows on this socket. Never answered."""
        self.send(b"K")

    def quit(self) -> None:
        """SMFIC_QUIT and close."""
        try:
            self.send(b"Q")
        finally:
            self.close()

    def close(self) -> None:
        """Close the socket without a word, as an MTA that was killed."""
        self._socket.close()

    # -- packets

    def send(self, command: bytes, text: bytes = b"") -> None:
        """One packet, whatever it is."""
        try:
            self._socket.sendall(struct.pack("!I", len(text) + 1) + command + text)
        except OSError as error:
            raise MilterGoneError(f"sending {command!r}: {error}") from error

    def receive(self) -> tuple[bytes, bytes]:
        """The next packet: its letter and the rest."""
        (length,) = struct.unpack("!I", self._exactly(4))
        if not 0 < length <= MAX_PACKET:
            raise MilterSyntaxError(f"packet of {length} bytes")
        packet = self._exactly(length)
        return packet[:1], packet[1:]

    # -- inside

    def _negotiate(self) -> None:
        offered = (self.version, int(self.offered_actions), int(self.offered_steps))
        self.send(b"O", struct.pack("!III", *offered))
        command, text = self.receive()
        if command != b"O" or len(text) < 12:
            raise MilterSyntaxError(f"negotiation answered with {command!r} {text!r}")
        version, actions, steps = struct.unpack("!III", text[:12])
        if version > self.version or actions & ~int(self.offered_actions):
            raise MilterSyntaxError(f"chose version {version}, actions {actions:#x}")
        self.actions, self.steps = Can(actions), Step(steps & int(ALL_STEPS))
        self.chosen_macros = dict(POSTFIX_MACROS)
        rest = text[12:]
        while len(rest) >= 4:
            (number,) = struct.unpack("!I", rest[:4])
            names, _, rest = rest[4:].partition(b"\0")
            stage = next((one for one in Stage if one.value[0] == number), None)
            if stage is None:
                raise MilterSyntaxError(f"macros for stage {number}")
            self.chosen_macros[stage] = tuple(names.decode().split())

    def _command(
        self, stage: Stage | None, letter: bytes, text: bytes, unwanted: Step, unanswered: Step
    ) -> Answer:
        if stage is not None:
            self._send_macros(stage)
        if unwanted in self.steps:
            return Answer(Kind.NONE)
        self.send(letter, text)
        if unanswered in self.steps:
            return Answer(Kind.NONE)
        while True:
            command, answer = self.receive()
            if command != b"p":
                return _answer(command, answer)

    def _send_macros(self, stage: Stage) -> None:
        names = self.chosen_macros.get(stage, ())
        pairs = [(name, self._macro(name)) for name in names]
        text = b"".join(_text(n) + b"\0" + _text(v) + b"\0" for n, v in pairs if v is not None)
        # Postfix sends the packet only if there is a value; the letter says for which command.
        if text:
            self.send(b"D", stage.value[1] + text)

    def _macro(self, name: str) -> str | None:
        bare = name.strip("{}")
        return self.macros.get(name, self.macros.get(bare, self.macros.get("{" + bare + "}")))

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            try:
                part = self._socket.recv(min(count, 1 << 20))
            except OSError as error:
                raise MilterGoneError(str(error) or "timeout") from error
            if not part:
                raise MilterGoneError("the milter closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


# -- a whole message


@dataclass(frozen=True, slots=True)
class Submission:
    """What an MTA knows when a message comes in."""

    content: bytes
    client: str = "192.0.2.1"
    client_name: str = "mail.example.org"
    helo: str = "mail.example.org"
    reverse_path: str = "sender@example.org"
    recipients: tuple[str, ...] = ("user@example.net",)
    queue_id: str = "4TestQueueId"
    macros: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """How a message fared: where the dialogue ended, by which answer, with which edits."""

    stage: str  # connect helo mail rcpt data header eoh body eom
    answer: Answer
    recipients: tuple[tuple[str, Answer], ...] = ()
    outcome: Outcome | None = None

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits at end-of-message; none if it was not reached."""
        return self.outcome.edits if self.outcome is not None else ()


def play(
    connection: Connection, submission: Submission, *, same_session: bool = False
) -> Played:
    """The submission as Postfix's smtpd and cleanup play it, up to the first deciding answer.

    `same_session` leaves out connect and helo: a further message of the session. The connection is left
    as an MTA leaves it: between transactions, ready for the next.
    """
    macros = connection.macros
    macros.setdefault("j", "mx.example.net")
    macros.setdefault("daemon_name", "mx.example.net")
    macros.pop("i", None)
    macros.update(submission.macros)
    if not same_session:
        answer = connection.connect(submission.client_name, submission.client)
        if not answer.goes_on:
            return Played("connect", answer)
        answer = connection.helo(submission.helo)
        if not answer.goes_on:
            return Played("helo", answer)
    macros["mail_addr"] = submission.reverse_path
    answer = connection.mail(f"<{submission.reverse_path}>")
    if not answer.goes_on:
        return _aborted(connection, Played("mail", answer))
    recipients = []
    for recipient in submission.recipients:
        macros["rcpt_addr"] = recipient
        recipients.append((recipient, connection.rcpt(f"<{recipient}>")))
        # Postfix knows its queue id from the first recipient that it accepted.
        if recipients[-1][1].goes_on:
            macros["i"] = submission.queue_id
    kept = tuple(recipients)
    if not any(answer.goes_on for _, answer in kept):
        return _aborted(connection, Played("rcpt", kept[-1][1], kept))
    stage, answer = _play_content(connection, submission.content)
    if not answer.goes_on:
        return _aborted(connection, Played(stage, answer, kept))
    outcome = connection.end_of_message()
    return Played("eom", outcome.answer, kept, outcome)


def _play_content(connection: Connection, content: bytes) -> tuple[str, Answer]:
    answer = connection.data()
    if not answer.goes_on:
        return "data", answer
    fields, body = split(content)
    for name, value in fields:
        answer = connection.field(name, value)
        if not answer.goes_on:
            return "header", answer
    answer = connection.end_of_header()
    if not answer.goes_on:
        return "eoh", answer
    for start in range(0, len(body), CHUNK):
        answer = connection.body(body[start : start + CHUNK])
        if answer.kind is Kind.SKIP:
            break
        if not answer.goes_on:
            return "body", answer
    return "body", Answer(Kind.CONTINUE)


def _aborted(connection: Connection, played: Played) -> Played:
    if played.answer.kind not in {Kind.CONNECTION_FAILED, Kind.SHUTDOWN}:
        connection.abort()
    return played


def split(content: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Fields (name, value as arrived with leading space, folds as LF) and body with CRLF line ends."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    fields: list[tuple[bytes, bytes]] = []
    index = 0
    for index, line in enumerate(lines):  # noqa: B007 - the index is used after the loop
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + b"\n" + line)
            continue
        name, colon, value = line.partition(b":")
        if not line or not colon or not name.strip() or b" " in name.rstrip():
            break
        fields.append((name.rstrip(), value))
    else:
        index = len(lines)
    rest = lines[index + 1 :] if index < len(lines) and not lines[index] else lines[index:]
    return fields, b"\r\n".join(rest)


def edited(content: bytes, edits: Iterable[Edit]) -> bytes:
    """The message as it leaves Postfix: the edits performed in order, everything else untouched."""
    fields, body = split(content)
    for edit in edits:
        match edit:
            case AddField(name, value):
                fields.append((name.encode(), _as_sent(value)))
            case InsertField(index, name, value):
                fields.insert(min(index, len(fields)), (name.encode(), _as_sent(value)))
            case ChangeField(name, occurrence, value):
                _change(fields, name.encode().lower(), occurrence, value)
            case ReplaceBody(replacement):
                body = replacement
            case Quarantine() | AddRecipient() | DeleteRecipient() | ChangeSender():
                pass  # not in the message
    head = b"".join(name + b":" + value + b"\n" for name, value in fields)
    return head.replace(b"\n", b"\r\n") + b"\r\n" + body


def _change(
    fields: list[tuple[bytes, bytes]], name: bytes, occurrence: int, value: bytes
) -> None:
    places = [index for index, (known, _) in enumerate(fields) if known.lower() == name]
    if occurrence > len(places):
        if value:
            fields.append((name, _as_sent(value)))
        return
    place = places[max(occurrence, 1) - 1]
    if value:
        fields[place] = (fields[place][0], _as_sent(value))
    else:
        del fields[place]


def _as_sent(value: bytes) -> bytes:
    """A milter's value with the space that follows the colon, folds as LF."""
    value = value.replace(b"\r\n", b"\n")
    return value if value[:1] in {b" ", b"\t"} else b" " + value


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _strings(text: bytes) -> Sequence[bytes]:
    return text.removesuffix(b"\0").split(b"\0")


def _answer(command: bytes, text: bytes) -> Answer:
    try:
        kind = Kind(command)
    except ValueError:
        raise MilterSyntaxError(f"answered with {command!r} {text!r}") from None
    words = _strings(text)[0].decode("utf-8", "replace") if kind is Kind.REPLY else ""
    if kind is Kind.REPLY and not (words[:1] in {"4", "5"} and words[:3].isdigit()):
        raise MilterSyntaxError(f"SMTP reply {words!r}")
    return Answer(kind, words)


def _edit(command: bytes, text: bytes) -> Edit | None:
    """The edit in that packet, or None if the packet is no edit."""
    match command:
        case b"h":
            name, value = _strings(text)
            return AddField(name.decode("ascii"), value)
        case b"i" | b"m":
            (index,) = struct.unpack("!I", text[:4])
            name, value = _strings(text[4:])
            if command == b"i":
                return InsertField(index, name.decode("ascii"), value)
            return ChangeField(name.decode("ascii"), index, value)
        case b"q":
            return Quarantine(_strings(text)[0].decode("utf-8", "replace"))
        case b"+" | b"2":
            return AddRecipient(_strings(text)[0].decode("utf-8", "replace"))
        case b"-":
            return DeleteRecipient(_strings(text)[0].decode("utf-8", "replace"))
        case b"e":
            return ChangeSender(_strings(text)[0].decode("utf-8", "replace"))
        case b"b":
            return ReplaceBody(text)
        case _:
            return None
