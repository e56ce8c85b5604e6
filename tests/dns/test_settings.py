from __future__ import annotations

import pytest
from pydantic import ValidationError

from filterd.dns.settings import DnsSettings, parse_server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:DB8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("fe80::1%lo", ("fe80::1%lo", 53)),
    ],
)
def test_server_is_read(text: str, server: tuple[str, int]) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "[::1",
        "[::1]x",
        "192.0.2.1:٣",
    ],
)
def test_what_is_no_server_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_server(text)
    with pytest.raises(ValidationError):
        DnsSettings(servers=(text,))


def test_key_moves_the_spamhaus_zones_and_is_not_shown() -> None:
    settings = DnsSettings.model_validate({"spamhaus_dqs_secret": "AbC123"})
    assert settings.moved["zen.spamhaus.org"] == "abc123.zen.dq.spamhaus.net"
    assert settings.moved["dbl.spamhaus.org"] == "abc123.dbl.dq.spamhaus.net"
    assert "bC123" not in repr(settings)
    assert DnsSettings().moved == {}


@pytest.mark.parametrize("key", ["a.b", "a b", "ключ", "x" * 64])
def test_what_is_no_key_is_an_error(key: str) -> None:
    with pytest.raises(ValidationError) as error:
        DnsSettings.model_validate({"spamhaus_dqs_secret": key})
    assert "letters and digits" in str(error.value)
