"""settings - the tables [signing] and [dmarc_reports].

Owns:   SigningKey, SigningSettings, ReportSettings.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from filterd.core.settings import Duration, Flag, Settings


class SigningKey(Settings):
    """One key; a domain may have several (rsa and ed25519 side by side), each signs."""

    domain: str = Field(description="d= of the signatures; also signs for its subdomains.")
    selector: str = Field(
        description="s= of the signatures: the key is at S._domainkey.DOMAIN."
    )
    key: str = Field(
        description="File of the private key (PEM), made by `filterd dkim keygen`; `milter.user` must"
        " be able to read it, others must not."
    )


class SigningSettings(Settings):
    """DKIM signatures on mail of our own clients, ARC seals on what passes through."""

    keys: tuple[SigningKey, ...] = Field(
        default=(),
        description="Mail of authenticated and local clients is signed if From is of one of these"
        " domains. Empty: nothing is signed.",
    )
    subdomains: Flag = Field(
        default=True, description="Whether a key also signs for subdomains that have none."
    )
    oversign: tuple[str, ...] = Field(
        default=("from", "to", "cc", "subject", "date", "reply-to"),
        description="Fields that nobody can add later without breaking the signature.",
    )
    expire: Duration = Field(
        default=0.0, description="How long a signature is valid (x=); 0: no end is given."
    )
    seal_domain: str = Field(
        default="",
        description="A domain of `keys` whose rsa key seals all other mail (ARC), so that those it is"
        " forwarded to can know what we saw. Empty: nothing is sealed.",
    )


class ReportSettings(Settings):
    """DMARC aggregate reports (RFC 9990) to the owners of author domains."""

    enabled: Flag = Field(
        default=False,
        description="Whether DMARC results are recorded for reports; `filterd dmarc report` sends.",
    )
    organization: str = Field(
        default="", description="org_name: who reports; empty: the domain of `address`."
    )
    address: str = Field(
        default="", description="From of the reports, and their contact; must be set to report."
    )
    contact: str = Field(default="", description="extra_contact_info: a URL, if there is one.")
    mailer: Literal["smtp", "none"] = Field(
        default="smtp",
        description="smtp: reports are handed to `smarthost`. none: only written.",
    )
    smarthost: str = Field(
        default="127.0.0.1:25", description="HOST:PORT that takes the reports for delivery."
    )
    max_bytes: int = Field(
        default=10 << 20, ge=10_000, description="Largest report mailed, compressed, in bytes."
    )
    keep: Duration = Field(
        default=7 * 86400.0, description="Results not reported within this time are dropped."
    )
