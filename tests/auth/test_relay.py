from __future__ import annotations

from ipaddress import ip_network

import pytest

from filterd.auth.relay import behind
from filterd.core.transaction import Session, client_address
from filterd.mail.message import Message

TRUSTED = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
RELAY = Session(
    client=client_address("192.0.2.1"), client_name="relay.example", helo="relay.example"
)


def true_client(*received: str, session: Session = RELAY) -> Session:
    raw = "".join(f"Received: {line}\r\n" for line in received) + "\r\n"
    return behind(session, Message.from_bytes(raw.encode()).hops, TRUSTED)


STRANGER = (
    "from mail.evil.example (host.evil.example [203.0.113.9])\r\n\tby relay.example (Postfix) with ESMTPS"
    " id 4X; Mon, 1 Jan 2024 00:00:00 +0000"
)
FORGED = "from good.example (good.example [198.51.100.1]) by mail.evil.example; Mon, 1 Jan 2024 00:00:00 +0000"
INNER = "from a.relay.example (a.relay.example [192.0.2.7]) by relay.example; Mon, 1 Jan 2024 00:00:00 +0000"
LOOP = "from localhost (localhost [127.0.0.1]) by relay.example; Mon, 1 Jan 2024 00:00:00 +0000"
LOCAL = "by relay.example (Postfix, from userid 1000) id 4X; Mon, 1 Jan 2024 00:00:00 +0000"


@pytest.mark.parametrize(
    "received",
    [
        (STRANGER,),
        (STRANGER, FORGED),
        (INNER, STRANGER, FORGED),
        (LOOP, STRANGER),
        (LOOP, INNER, STRANGER, INNER),
    ],
)
def test_newest_untrusted_hop_is_the_client(received: tuple[str, ...]) -> None:
    found = true_client(*received)
    assert str(found.client) == "203.0.113.9"
    assert (found.client_name, found.helo) == ("host.evil.example", "mail.evil.example")


def test_stranger_is_not_asked_whom_it_speaks_for() -> None:
    stranger = Session(client=client_address("203.0.113.9"), helo="x")
    assert true_client(INNER, STRANGER, session=stranger) is stranger


@pytest.mark.parametrize("received", [(LOCAL, FORGED), ("rubbish", FORGED), (INNER, LOCAL)])
def test_unknown_origin_has_no_client(received: tuple[str, ...]) -> None:
    assert true_client(*received).client is None


@pytest.mark.parametrize("received", [(), (INNER,), (INNER, LOOP)])
def test_mail_that_began_at_the_relays_keeps_the_relay(received: tuple[str, ...]) -> None:
    assert true_client(*received) is RELAY


def test_session_without_client_stays() -> None:
    local = Session(is_local=True)
    assert true_client(STRANGER, session=local) is local
