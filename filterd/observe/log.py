"""log - one line for each message, one for each event of the service; text or JSON.

Owns:   open_log, MessageLog, message_facts, event, the cleaning of values.
Form:   QUEUEID: from=<> to=<> nrcpt= ip= helo= auth= spf= dkim= dmarc= score= required= action=
        rules=A(1.0),B(0.5) model= ms= why=ID, then what is unusual (stage, profile, would, marks ...).
Rules of this file: what a sender chose never starts a line, a key or a record; every value is bounded.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from logging.handlers import SysLogHandler
from typing import TYPE_CHECKING, Any

from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.stage import Stage

if TYPE_CHECKING:
    from filterd.core.transaction import Transaction
    from filterd.core.verdict import Verdict
    from filterd.mail.authres import AuthResult
    from filterd.observe.settings import LogSettings

MESSAGE_LOGGER = "filterd.message"
MAX_VALUE = 256  # characters of one value; RFC 5321 4.5.3.1.3 allows paths of 256
MAX_RULES = (
    2_400  # characters of rules=; with the rest below PIPE_BUF (4096), so lines stay whole
)
SYSLOG_SECONDS = 0.2  # a syslog that does not read must not hold up mail

_messages = logging.getLogger(MESSAGE_LOGGER)
_events = logging.getLogger("filterd")


def bounded(text: str, limit: int = MAX_VALUE) -> str:
    """The text, cut with a mark where it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean(text: str) -> str:
    """The text on one line and in one piece: no space, no control character, no lone surrogate."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(c if c.isprintable() and not c.isspace() else "?" for c in text)


def message_facts(
    tx: Transaction, verdict: Verdict, max_recipients: int = 5, max_rules: int = 100
) -> dict[str, Any]:
    """What is said of one message, as plain bounded values in the order of the line.

    They are as the sender wrote them: JSON escapes what cannot stand there, `as_text` cleans.
    """
    session, envelope = tx.session, tx.envelope
    recipients = list(envelope.recipients)
    if tx.stage is Stage.RCPT and tx.recipient:
        recipients.append(tx.recipient)
    hits = [hit for hit in verdict.hits if not hit.shadow]
    hits.sort(key=lambda hit: -abs(hit.points))
    facts: dict[str, Any] = {
        "queue_id": bounded(envelope.queue_id, 64),
        "from": bounded(envelope.reverse_path),
        "to": [bounded(recipient) for recipient in recipients[:max_recipients]],
        "nrcpt": len(recipients),
        "ip": str(session.client) if session.client is not None else "",
        "helo": bounded(session.helo),
        "auth": bounded(session.auth_user),
        "spf": _best(verdict.auth_results, "spf"),
        "dkim": _best(verdict.auth_results, "dkim"),
        "dmarc": _best(verdict.auth_results, "dmarc"),
        "score": verdict.score,
        "required": dict(verdict.thresholds).get("tag", 0.0),
        "action": verdict.action.value,
        "rules": [(hit.symbol, hit.points) for hit in hits[:max_rules]],
        "model": next(
            (
                bounded(h.detail.partition(" ")[0], 40)  # the probability
                for h in verdict.hits
                if h.symbol.startswith("CLASSIFIER_")
            ),
            "",
        ),
        "ms": round(verdict.milliseconds, 1),
        "why": verdict.why_id,
    }
    unusual = {
        "stage": verdict.stage if verdict.stage != "eom" else "",
        "profile": verdict.profile if verdict.profile != "default" else "",
        "by": bounded(verdict.decisive, 80),
        "would": verdict.would.value if verdict.would is not None else "",
        "shadow": [h.symbol for h in verdict.hits if h.shadow][:max_rules],
        "failed": [bounded(failure, 80) for failure in verdict.failures[:20]],
        "marks": [bounded(mark, 40) for mark in verdict.marks[:20]],
        "delayed": round(verdict.delayed, 1),
    }
    facts.update((key, value) for key, value in unusual.items() if value)
    return facts


def _best(results: Iterable[AuthResult], method: str) -> str:
    """The result to name: of several signatures or identities a pass, else the last."""
    found = [result.result for result in results if result.method == method]
    return "pass" if "pass" in found else found[-1] if found else ""


def as_text(facts: Mapping[str, Any]) -> str:
    """The line of those facts; the queue-id first, the why-id where there is no queue-id."""
    parts = [f"{clean(facts['queue_id'] or facts['why'])}:"]
    for key, value in facts.items():
        match key, value:
            case "queue_id", _:
                continue
            case "from", _:
                shown = f"<{clean(value)}>"
            case "to", _:
                shown = ",".join(f"<{clean(recipient)}>" for recipient in value)
            case "rules", _:
                shown = _rules(value)
            case "score", _:
                shown = f"{value:.2f}"
            case "by" | "failed", _:  # words of ours, in one piece for grep and awk
                words = [value] if isinstance(value, str) else value
                shown = ",".join(clean(each.replace(" ", "_")) for each in words)
            case _, float():
                shown = f"{value:g}"
            case _, list():
                shown = ",".join(map(clean, value))
            case _:
                shown = clean(str(value))
        parts.append(f"{key}={shown}")
    return " ".join(parts)


def _rules(rules: list[tuple[str, float]]) -> str:
    named: list[str] = []
    size = 0
    for symbol, points in rules:
        item = f"{symbol}({points:.1f})"
        size += len(item) + 1
        if size > MAX_RULES:
            named.append(f"+{len(rules) - len(named)}")
            break
        named.append(item)
    return ",".join(named)


class MessageLog:
    """Writes one line for each verdict; an observer of the scanner."""

    __slots__ = ("_is_json", "_max_recipients", "_max_rules", "_slow")

    def __init__(self, settings: LogSettings) -> None:
        self._is_json = settings.format == "json"
        self._max_recipients = settings.max_recipients
        self._max_rules = settings.max_rules
        self._slow = settings.slow * 1000

    def __call__(self, tx: Transaction, verdict: Verdict) -> None:
        if not _messages.isEnabledFor(logging.INFO):
            return
        facts = message_facts(tx, verdict, self._max_recipients, self._max_rules)
        if self._is_json:
            facts["rules"] = dict(facts["rules"])
            _messages.info("message", extra={"facts": {"event": "message", **facts}})
        else:
            _messages.info(as_text(facts))
        if self._slow and verdict.milliseconds > self._slow:
            spans = sorted(verdict.spans, key=lambda s: -s.milliseconds)[:10]
            event(
                "slow",
                logging.WARNING,
                queue_id=facts["queue_id"],
                why=facts["why"],
                ms=facts["ms"],
                spans=",".join(f"{s.name}:{s.milliseconds:.0f}" for s in spans),
            )


def event(name: str, level: int = logging.INFO, **facts: object) -> None:
    """Log what befell the service: `event=reload generation=2 rules=412`."""
    if _events.isEnabledFor(level):
        _events.log(level, name, extra={"facts": {"event": name, **facts}})


class TextFormatter(logging.Formatter):
    """Lines for people and grep; nothing after the first line can look like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, object] | None = getattr(record, "facts", None)
        if record.name == MESSAGE_LOGGER and facts is None:
            return record.getMessage()
        if facts is not None:
            text = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
        else:
            text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        lines = text.splitlines() or [""]
        return "\n  | ".join(_visible(line) for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, object] = getattr(record, "facts", None) or {
            "event": "log",
            "message": record.getMessage(),
        }
        item: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            **facts,
        }
        if record.name not in {MESSAGE_LOGGER, "filterd"}:
            item["logger"] = record.name
        if record.exc_info:
            item["traceback"] = self.formatException(record.exc_info)
        return json.dumps(item, default=str)  # ASCII: no line separator of Unicode survives


def _shown(value: object) -> str:
    """A value of an event: in quotes where it has spaces, for these are our own words."""
    text = f"{value:g}" if isinstance(value, float) else str(value)[:1000]
    if any(c.isspace() or c == '"' for c in text) or not text:
        return json.dumps(_visible(text), ensure_ascii=False)
    return _visible(text)


def _visible(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line)


class QuietSyslog(SysLogHandler):
    """Syslog that loses a line rather than hold up mail."""

    def createSocket(self) -> None:  # noqa: N802 - logging's name
        super().createSocket()
        vars(self)["socket"].settimeout(SYSLOG_SECONDS)

    def _connect_unixsocket(self, address: str) -> None:
        connect = super()._connect_unixsocket  # type: ignore[misc]  # not in the stubs
        connect(address)
        vars(self)["socket"].settimeout(SYSLOG_SECONDS)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A lost line is lost; there is no place left to say so."""


def open_log(settings: LogSettings) -> None:
    """Send all log records of this process where `settings` says; replaces what was set up before."""
    handler = (
        _syslog(settings) if settings.to == "syslog" else logging.StreamHandler(sys.stderr)
    )
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # of libraries
    _events.setLevel(settings.level.upper())
    logging.captureWarnings(capture=True)


def _syslog(settings: LogSettings) -> logging.Handler:
    host, colon, port = settings.syslog_socket.rpartition(":")
    address: str | tuple[str, int] = settings.syslog_socket
    if colon and port.isdigit() and not settings.syslog_socket.startswith("/"):
        address = (host, int(port))
    try:
        handler = QuietSyslog(address, facility=SysLogHandler.LOG_MAIL)
    except (OSError, socket.gaierror) as error:
        raise ConfigError(
            [
                ConfigProblem(
                    "", "log.syslog_socket", f"cannot open {settings.syslog_socket}: {error}"
                )
            ]
        ) from None
    handler.ident = "filterd: "
    handler.append_nul = False
    return handler
