"""settings - the [dns] table: which servers, how long, what is remembered.

Owns:   DnsSettings, Server addresses as text.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, field_validator

from filterd.core.settings import Duration, Settings

DNS_PORT = 53
DQS_ZONES = ("zen", "sbl", "xbl", "pbl", "dbl", "zrd")


def parse_server(text: str) -> tuple[str, int]:
    """Return (address, port) of "192.0.2.1", "192.0.2.1:5353", "[::1]:53" or "::1"; ValueError else."""
    host, port = text, str(DNS_PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'expected an address such as "[2001:db8::1]:53", got {text!r}')
        port = rest[1:] or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    address = ip_address(host.partition("%")[0])  # a zone index as in fe80::1%eth0 is kept
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port number")
    return (host if "%" in host else str(address)), int(port)


def _a_server(text: Any) -> Any:
    parse_server(text)
    return text


ServerText = Annotated[str, AfterValidator(_a_server)]


class DnsSettings(Settings):
    """How DNS questions are asked."""

    servers: tuple[ServerText, ...] = Field(
        default=(),
        description="Recursive servers, address or address:port, first one preferred. "
        "Empty: those of /etc/resolv.conf. Use a resolver of your own: DNS lists refuse public ones.",
    )
    timeout: Duration = Field(
        default=4.0, gt=0, le=30, description="The longest that one question may take."
    )
    retransmit: Duration = Field(
        default=1.0,
        gt=0,
        le=10,
        description="Seconds without an answer before the next server is tried.",
    )
    cache_entries: int = Field(
        default=10_000, ge=0, le=1_000_000, description="Answers kept by each worker process."
    )
    cache_size: int = Field(
        default=8 << 20,
        ge=0,
        description="Bytes of answers kept by each worker process, about.",
    )
    max_ttl: Duration = Field(
        default=3600.0, description="The longest that an answer is kept, whatever its TTL."
    )
    max_negative_ttl: Duration = Field(
        default=600.0,
        description='The longest that "no such name" or "no such record" is kept.',
    )
    min_ttl: Duration = Field(
        default=5.0,
        le=300,
        description="The shortest that an answer is kept: one message asks the same more than once.",
    )
    hold: Duration = Field(
        default=10.0,
        le=300,
        description="After a timeout the domain is not asked again for this long. 0 turns it off.",
    )
    spamhaus_dqs_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the Spamhaus Data Query Service. With it the questions to the Spamhaus lists"
        " (zen, dbl, ...) go to your own names there; nothing else has to be changed. Without it they go"
        " to the public mirrors, which serve small non-commercial sites with a resolver of their own.",
    )

    @field_validator("spamhaus_dqs_secret")
    @classmethod
    def _is_a_label(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        if key and not (key.isascii() and key.isalnum() and len(key) <= 63):
            raise ValueError("a Spamhaus key is letters and digits")
        return value

    @property
    def moved(self) -> dict[str, str]:
        """Zones that are asked elsewhere, by zone."""
        key = self.spamhaus_dqs_secret.get_secret_value().lower()
        return {f"{z}.spamhaus.org": f"{key}.{z}.dq.spamhaus.net" for z in DQS_ZONES if key}
