"""load - mail in numbers: many messages over many connections, and the account of what became of each.

Owns:   pour (send them all at once, keep every final reply), Account (delivered once, twice, never).
Not here: what is killed meanwhile (the story), retries (a Postfix in front keeps a queue).
"""

from __future__ import annotations

import itertools
import smtplib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploy.demo.sink import Delivery
from tests.support.smtp import Client, dial, transact

SERIAL = "X-Serial"


@dataclass(frozen=True, slots=True)
class Poured:
    """The final code of each serial number; 0 where the connection broke."""

    codes: dict[int, int]

    def count(self, code: int) -> int:
        return sum(1 for found in self.codes.values() if found == code)


@dataclass(frozen=True, slots=True)
class Account:
    """How often each serial number was delivered."""

    times: Counter[int]

    @classmethod
    def of(cls, deliveries: Iterable[Delivery]) -> Account:
        serials = (delivery.fields(SERIAL) for delivery in deliveries)
        return cls(Counter(int(found[0]) for found in serials if found))

    @property
    def twice(self) -> list[int]:
        """Serial numbers delivered more than once."""
        return sorted(serial for serial, times in self.times.items() if times > 1)

    def never(self, count: int) -> list[int]:
        """Serial numbers below `count` that were never delivered."""
        return [serial for serial in range(count) if serial not in self.times]


def numbered(serial: int, size: int = 2000) -> bytes:
    """An innocent message with a serial number."""
    line = b"The minutes of the meeting are attached, as we agreed on Tuesday.\r\n"
    head = (
        f"From: Alice Example <alice@example.org>\r\nTo: user@example.net\r\n"
        f"Subject: minutes {serial}\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{serial}@example.org>\r\n{SERIAL}: {serial}\r\n\r\n"
    )
    return head.encode() + line * max(1, size // len(line))


def pour(
    port: int,
    count: int,
    *,
    connections: int = 8,
    per_session: int = 5,
    client: Client | None = None,
    message: Callable[[int], bytes] = numbered,
    meanwhile: Callable[[int], None] = lambda _done: None,
) -> Poured:
    """Send serial numbers 0 to count-1; `meanwhile` is called with the number done so far, in turn."""
    codes: dict[int, int] = {}
    lock = threading.Lock()
    serials = iter(range(count))

    def take() -> Sequence[int]:
        with lock:
            return list(itertools.islice(serials, per_session))

    def work() -> None:
        while batch := take():
            left = list(batch)
            try:
                session = dial(port, client)
                try:
                    while left:
                        sent = transact(
                            session, message(left[0]), "alice@example.org", ["user@example.net"]
                        )
                        with lock:
                            codes[left.pop(0)] = sent.final.code
                            done = len(codes)
                            meanwhile(done)
                finally:
                    session.close()
            except (OSError, smtplib.SMTPException):
                with lock:
                    codes.update(dict.fromkeys(left, 0))

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Poured(codes)
