"""submit - a stored message and what is known of its delivery, as a Submission.

Owns:   submission; line ends of stored mail.
For front ends that get a whole message at once (CLI, HTTP). The milter never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filterd.core.transaction import Session, client_address
from filterd.limits import LIMITS
from filterd.mail.message import Message
from filterd.scan.scanner import Submission


def submission(
    raw: bytes,
    *,
    client: str = "",
    client_name: str = "",
    helo: str = "",
    mail_from: str = "",
    recipients: Sequence[str] = (),
    auth_user: str = "",
    tls: str = "",
    queue_id: str = "",
    daemon_name: str = "",
    mta_name: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Submission:
    """The submission of `raw`; ValueError when `client` is no address.

    Without a client the message is judged by its content: it is not taken for one of our own.
    """
    address = client_address(client) if client else None
    if client and address is None:
        raise ValueError(f"not an IP address: {client!r}")
    session = Session(
        client=address,
        client_name=client_name.rstrip(".").lower(),
        helo=helo,
        tls=tls,
        auth_user=auth_user,
        daemon_name=daemon_name,
        mta_name=mta_name,
    )
    return Submission(
        message=Message.from_bytes(on_the_wire(raw)),
        session=session,
        reverse_path=_path(mail_from),
        recipients=tuple(_path(recipient) for recipient in recipients[: LIMITS.recipients]),
        queue_id=queue_id,
        parameters=dict(parameters or {}),
    )


def on_the_wire(raw: bytes) -> bytes:
    """`raw` with the line ends it has in SMTP; a file kept by Unix software has none of them.

    Without CRLF a DKIM body hash could not match. A file that has CRLF anywhere is taken as it is:
    a bare LF in it is then part of the message.
    """
    if b"\r\n" in raw:
        return raw
    return raw.replace(b"\n", b"\r\n")


def _path(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")
