from __future__ import annotations

import pytest

from filterd.scan.submit import on_the_wire, submission

RAW = b"From: a@example.org\nSubject: x\n\nbody\n"


def test_a_stored_message_gets_the_line_ends_it_has_in_smtp() -> None:
    assert on_the_wire(RAW) == RAW.replace(b"\n", b"\r\n")
    mixed = b"From: a@example.org\r\n\r\nbare\nfeed\r\n"
    assert on_the_wire(mixed) == mixed


def test_the_envelope_is_read_as_admins_write_it() -> None:
    given = submission(
        RAW,
        client="::ffff:192.0.2.1",
        client_name="Mail.Example.ORG.",
        mail_from="<a@example.org>",
        recipients=["<u@example.net>", " v@example.net "],
        auth_user="joe",
    )
    assert str(given.session.client) == "192.0.2.1"
    assert given.session.client_name == "mail.example.org"
    assert given.session.is_authenticated
    assert given.reverse_path == "a@example.org"
    assert given.recipients == ("u@example.net", "v@example.net")
    assert given.message.body == b"body\r\n"


def test_a_message_without_a_client_is_not_taken_for_our_own() -> None:
    given = submission(RAW)
    assert given.session.client is None
    assert not given.session.is_local


def test_a_client_that_is_no_address_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"not an IP address: 'mail\.example'"):
        submission(RAW, client="mail.example")
