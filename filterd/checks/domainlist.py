"""domainlist - are domains or addresses that the message names listed in DNS lists (RFC 5782)?

Owns:   symbols DOMAINLIST_* and EMAILLIST_*; the domain lists that are shipped; which names are looked up.
Asks:   one A question for each list and name, at end-of-message: HELO, reverse name, reverse-path, From,
        Reply-To, d= of signatures, links; for hashed lists one for each address. At most `max_names` names.
Not here: what an answer means and what never counts (dns.dnslist), client lists (checks.dnsbl).

Names are looked up as organizational domains: lists of domains have a record for everything below.
Addresses of links are not asked for: lists refuse them, or count them against us.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from filterd.auth.dkim import signing_domains
from filterd.core.check import Check, CheckSettings, Services
from filterd.core.evidence import Evidence, Hit
from filterd.core.lookup import Question
from filterd.core.settings import Flag
from filterd.core.stage import Stage
from filterd.core.transaction import Transaction
from filterd.dns.dnslist import DnsList, Meaning, judge, merged, unknown_symbols
from filterd.mail.domain import organizational, to_alabel

Role = Literal["helo", "rdns", "mailfrom", "from", "reply-to", "dkim", "link"]
ROLES: tuple[Role, ...] = ("mailfrom", "from", "reply-to", "dkim", "helo", "rdns", "link")
# A listed name in a greeting says less than one that the reader is to click on.
WEIGHTS: Mapping[Role, float] = {"helo": 0.5, "rdns": 0.5}

LISTED, ADDRESS_LISTED = "DOMAINLIST_LISTED", "EMAILLIST_LISTED"  # for an admin's own lists
SYMBOLS = (
    LISTED,
    "DOMAINLIST_DBL_SPAM",
    "DOMAINLIST_DBL_PHISH",
    "DOMAINLIST_DBL_MALWARE",
    "DOMAINLIST_DBL_BOTNET",
    "DOMAINLIST_DBL_ABUSED",
    "DOMAINLIST_ZRD",
    "DOMAINLIST_SURBL_PHISH",
    "DOMAINLIST_SURBL_MALWARE",
    "DOMAINLIST_SURBL_ABUSE",
    "DOMAINLIST_SURBL_CRACKED",
    "DOMAINLIST_URIBL_BLACK",
    "DOMAINLIST_URIBL_GREY",
    "DOMAINLIST_URIBL_RED",
    ADDRESS_LISTED,
    "EMAILLIST_MSBL",
)


class DomainList(DnsList):
    """One list of domains."""

    roles: tuple[Role, ...] = Field(
        default=ROLES,
        description="Which names are looked up: mailfrom, from, reply-to, dkim, helo, rdns, link.",
    )


class AddressList(DnsList):
    """One list of hashed e-mail addresses."""

    digest: Literal["md5", "sha1", "sha256"] = Field(
        default="sha1", description="The hash of the address that is asked for."
    )
    encoding: Literal["hex", "base32"] = Field(
        default="hex", description="How the hash is written."
    )
    without_tag: Flag = Field(
        default=True, description="Drop what follows a + in the local part before hashing."
    )


def _meanings(answers: Mapping[str, str]) -> dict[str, Meaning]:
    return {text: Meaning(symbol=symbol) for text, symbol in answers.items()}


# RFC 5782 5: INVALID must not be listed; of what must be, each service has its own.
SHIPPED: Mapping[str, DomainList] = {
    "spamhaus-dbl": DomainList(
        zone="dbl.spamhaus.org",
        answers=_meanings(
            {
                "127.0.1.2-3": "DOMAINLIST_DBL_SPAM",
                "127.0.1.4": "DOMAINLIST_DBL_PHISH",
                "127.0.1.5": "DOMAINLIST_DBL_MALWARE",
                "127.0.1.6": "DOMAINLIST_DBL_BOTNET",
                "127.0.1.102-106": "DOMAINLIST_DBL_ABUSED",
            }
        ),
        refusals=("127.0.1.255",),  # asked for an address
        test_listed="dbltest.com",
        test_clean="invalid",
    ),
    "spamhaus-zrd": DomainList(  # for holders of a key only
        zone="zrd.spamhaus.org",
        enabled=False,
        answers=_meanings({"127.0.2.2-24": "DOMAINLIST_ZRD"}),
        refusals=("127.0.2.255",),
        test_clean="invalid",
    ),
    "surbl": DomainList(
        zone="multi.surbl.org",
        answers=_meanings(
            {
                "&8": "DOMAINLIST_SURBL_PHISH",
                "&16": "DOMAINLIST_SURBL_MALWARE",
                "&64": "DOMAINLIST_SURBL_ABUSE",
                "&128": "DOMAINLIST_SURBL_CRACKED",
            }
        ),
        refusals=("&1",),
        roles=("dkim", "link"),
        test_listed="test.surbl.org",
        test_clean="invalid",
    ),
    "uribl": DomainList(
        zone="multi.uribl.com",
        answers=_meanings(
            {
                "&2": "DOMAINLIST_URIBL_BLACK",
                "&4": "DOMAINLIST_URIBL_GREY",
                "&8": "DOMAINLIST_URIBL_RED",
            }
        ),
        refusals=("&1",),
        roles=("from", "dkim", "link"),
        test_listed="test.uribl.com",
        test_clean="invalid",
    ),
}
SHIPPED_ADDRESSES: Mapping[str, AddressList] = {
    "msbl": AddressList(
        zone="ebl.msbl.org",
        enabled=False,
        answers=_meanings({"127.0.0.2-3": "EMAILLIST_MSBL"}),
    ),
}
# Names that stand in everybody's mail and on nobody's list: asking for them is time lost.
POPULAR = (
    "adobe.com", "amazon.com", "apple.com", "doubleclick.net", "example.com", "facebook.com", "fb.com",
    "gmail.com", "google.com", "googleapis.com", "gstatic.com", "hotmail.com", "instagram.com", "linkedin.com",
    "live.com", "microsoft.com", "mozilla.org", "outlook.com", "paypal.com", "schema.org", "twitter.com",
    "w3.org", "wikipedia.org", "x.com", "yahoo.com", "youtube.com",
)  # fmt: skip


class Settings(CheckSettings):
    """`[checks.domainlist]`: lists of domains and of hashed addresses, and how much is looked up."""

    lists: Mapping[str, DomainList] = Field(
        default=SHIPPED,
        description="DNS lists of domains by name: spamhaus-dbl, spamhaus-zrd (off: it wants a key), surbl,"
        " uribl, and your own. A shipped list keeps what you do not set.",
    )
    hashed: Mapping[str, AddressList] = Field(
        default=SHIPPED_ADDRESSES,
        description="DNS lists of hashed e-mail addresses by name: msbl (off), and your own.",
    )
    max_names: int = Field(
        default=20, ge=1, le=60, description="Domains of one message that are looked up."
    )
    max_addresses: int = Field(
        default=8, ge=1, le=30, description="Addresses of one message that are looked up."
    )
    exclude: tuple[str, ...] = Field(
        default=POPULAR,
        description="Domains that are not looked up, with everything below them.",
    )

    @field_validator("lists", mode="before")
    @classmethod
    def _merge(cls, given: Any) -> Any:
        return merged(SHIPPED, given, LISTED)

    @field_validator("hashed", mode="before")
    @classmethod
    def _merge_hashed(cls, given: Any) -> Any:
        return merged(SHIPPED_ADDRESSES, given, ADDRESS_LISTED)

    @model_validator(mode="after")
    def _symbols(self) -> Settings:
        problems = [
            *unknown_symbols(self.lists, SYMBOLS),
            *unknown_symbols(self.hashed, SYMBOLS),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def warnings(self) -> Iterable[str]:
        every = (*self.lists.items(), *self.hashed.items())
        return [text for name, each in every if (text := each.warning(name))]

    @cached_property
    def asked(self) -> tuple[DnsList, ...]:
        """The lists that are asked."""
        return (*self.asked_domains, *self.asked_addresses)

    @cached_property
    def asked_domains(self) -> tuple[DomainList, ...]:
        """The lists of domains that are asked."""
        return tuple(each for each in self.lists.values() if each.is_asked)

    @cached_property
    def asked_addresses(self) -> tuple[AddressList, ...]:
        """The lists of addresses that are asked."""
        return tuple(each for each in self.hashed.values() if each.is_asked)

    @cached_property
    def lookups(self) -> Callable[[str, tuple[Role, ...]], tuple[Lookup | None, ...]]:
        """What each list is asked about a name with these roles; made once for asking and judging."""

        @lru_cache(maxsize=256)  # 1.2 kB each
        def of(name: str, roles: tuple[Role, ...]) -> tuple[Lookup | None, ...]:
            return tuple(_lookup(each, name, roles) for each in self.asked_domains)

        return of


Lookup = tuple[DnsList, Question, str, Sequence[Role]]
# list, question, what it is about, the roles of that which the list is about


def _lookup(dns_list: DomainList, name: str, roles: Iterable[Role]) -> Lookup | None:
    wanted = [role for role in roles if role in dns_list.roles]
    return (dns_list, dns_list.question(name), name, wanted) if wanted else None


# -- what is looked up --------------------------------------------------------------------------


def names(tx: Transaction, settings: Settings) -> dict[str, list[Role]]:
    """The organizational domains of a message with the roles they play, at most `max_names`.

    Of too many links the first and the last count: what is meant to be clicked stands at either end.
    """
    excluded = {"", *settings.exclude, *_recipients(tx)}
    found: dict[str, list[Role]] = {}
    for role, host in _hosts(tx):
        name = _listable(host)
        if name not in excluded:
            roles = found.setdefault(name, [])
            if role not in roles:
                roles.append(role)
    sites = dict.fromkeys([link.site for link in tx.message.links if not link.is_address])
    links = [site for site in sites if site not in excluded and "." in site]
    room = max(settings.max_names - len(found), settings.max_names // 2)
    for name in _either_end(links, room):
        found.setdefault(name, []).append("link")
    return found


@lru_cache(maxsize=1024)
def _listable(host: str) -> str:
    """The organizational domain that a list could have, "" for an address and for no name at all."""
    name = to_alabel(host) or ""
    if "." not in name or name[-1].isdigit():
        return ""
    name = organizational(name)
    return name if "." in name else ""


def _either_end(found: list[str], room: int) -> list[str]:
    if len(found) <= room:
        return found
    last = room // 3
    return found[: room - last] + found[-last:] if last else found[:room]


def _hosts(tx: Transaction) -> Iterator[tuple[Role, str]]:
    """Every name but those of links, with its role."""
    message = tx.message
    yield "mailfrom", tx.envelope.domain
    for mailbox in message.author.mailboxes:
        yield "from", mailbox.domain
    for mailbox in message.addresses("reply-to").mailboxes:
        yield "reply-to", mailbox.domain
    for domain in signing_domains(message.header):
        yield "dkim", domain
    yield "helo", tx.session.helo
    yield "rdns", tx.session.client_name


def _recipients(tx: Transaction) -> set[str]:
    """The recipients' own domains, which stand in much of their mail."""
    domains = (r.rpartition("@")[2].lower() for r in tx.envelope.recipients[:20])
    return {organizational(domain) for domain in domains if domain}


def addresses(tx: Transaction, settings: Settings) -> list[str]:
    """The e-mail addresses of a message in lower case, at most `max_addresses`."""
    message = tx.message
    found: dict[str, None] = {}
    for mailbox in (*message.author.mailboxes, *message.addresses("reply-to").mailboxes):
        found[f"{mailbox.local}@{mailbox.domain}".lower()] = None
    if "@" in tx.envelope.reverse_path:
        found[tx.envelope.reverse_path.lower()] = None
    for link in message.links:
        if link.scheme == "mailto" and link.host:
            found[link.path.lower()] = None
    own = {recipient.lower() for recipient in tx.envelope.recipients}
    return [each for each in found if each not in own and len(each) < 300][
        : settings.max_addresses
    ]


def hashed(address: str, dns_list: AddressList) -> str:
    """The name below the zone that stands for an address; Gmail's dots do not count."""
    local, _, domain = address.lower().rpartition("@")
    if dns_list.without_tag:
        local = local.partition("+")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    digest = hashlib.new(dns_list.digest, f"{local}@{domain}".encode(), usedforsecurity=False)
    if dns_list.encoding == "base32":
        return base64.b32encode(digest.digest()).decode().rstrip("=").lower()
    return digest.hexdigest()


def _lookups(tx: Transaction, settings: Settings) -> Iterator[Lookup]:
    """What is asked for a message, list by list."""
    session = tx.session
    if session.is_local or session.is_authenticated or session.client is None:
        return
    found = [
        settings.lookups(name, tuple(roles)) for name, roles in names(tx, settings).items()
    ]
    for of_a_list in zip(*found, strict=True):
        yield from filter(None, of_a_list)
    if settings.asked_addresses:
        for address in addresses(tx, settings):
            for each in settings.asked_addresses:
                yield each, each.question(hashed(address, each)), address, ()


# -- the check ----------------------------------------------------------------------------------


def questions(tx: Transaction, settings: Settings) -> Iterable[Question]:
    """All of them, as soon as the body is there; a paused zone is held by the resolver."""
    return [asked for _, asked, _, _ in _lookups(tx, settings)]


def run(tx: Transaction, settings: Settings, services: Services) -> Iterable[Evidence]:
    """Each symbol once, with every name that earned it and the weight of the weightiest."""
    hits: dict[str, tuple[float, list[str]]] = {}
    zones = services.zones
    for dns_list, asked, name, roles in _lookups(tx, settings):
        if zones is not None and not zones.is_usable(dns_list.zone):
            continue
        found = judge(dns_list, services.ask(asked))
        if zones is not None and not zones.observe(dns_list.zone, found.listing, name):
            continue
        if found.meanings:
            subject = f"{name} ({', '.join(roles)})" if roles else name
            weight = max([WEIGHTS.get(role, 1.0) for role in roles], default=1.0)
            for meaning, _ in found.meanings:
                known, subjects = hits.get(meaning.symbol, (0.0, []))
                if subject not in subjects:
                    subjects.append(subject)
                hits[meaning.symbol] = (max(known, weight * meaning.weight), subjects)
    for symbol, (weight, subjects) in hits.items():
        yield Hit(symbol, ", ".join(subjects), weight)


CHECK = Check(
    name="domainlist",
    stage=Stage.EOM,
    settings=Settings,
    symbols=SYMBOLS,
    questions=questions,
    run=run,
)
