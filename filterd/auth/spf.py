"""spf - is the client a permitted sender of the HELO or MAIL FROM identity (RFC 7208)?

Owns:   the only door to pyspf; results and reasons in the RFC's words.
Asks:   TXT of the domain, then what its record names: at most ten terms that ask, two of them void
        (4.6.4), ten names an `mx` or `ptr`.
Not here: symbols (checks.spf), alignment (auth.dmarc), the Received-SPF field (auth.receivedspf).
Rules of this file: pyspf reads terms and expands macros; `_Evaluation` has in place of its own what asks
        the DNS, what counts, and where it leaves the RFC. No exception and no type of pyspf leaves
        the file.

RFC 8616 4: names are A-labels before they are asked; a term with %{l} or %{s} matches nothing when the
local part is not ASCII. RFC 7208 2.4: a null reverse-path is judged as postmaster@HELO.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_pton
from typing import Literal

from filterd.auth.offline import without_resolvers
from filterd.core.lookup import Answer, Ask, RRType, Status, question
from filterd.core.transaction import Address
from filterd.mail.authres import AuthResult, Property
from filterd.mail.domain import to_alabel

with without_resolvers():
    import spf

Identity = Literal["helo", "mailfrom"]

MAX_IDENTITY = 1_000  # characters; RFC 5321 4.5.3.1.3 allows a path 256
MAX_RECORD = 8_192  # bytes of one record; published ones have under 2,000 (3.4 wants 450)
MAX_TERMS = 400  # of all records of one evaluation; ten full records of real senders have 300
MAX_TERM = 512  # characters of one term
MAX_MACRO_WORK = 1_000_000  # characters looked at while expanding; some 10 ms
MAX_EXPLANATION = 500  # characters (6.2 leaves it to us)
MAX_LOOKUPS = 10  # terms that ask (4.6.4)
MAX_NAMES = 10  # of an mx or ptr (4.6.4)
MAX_VOID = 2  # 4.6.4
NOTHING = "."  # a name that no label fits: asks nothing, matches nothing

_VERSION = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=", re.IGNORECASE)
_MACRO = (
    re.compile(  # 7.1, where pyspf takes any text after the letter; 7.3: digits are not zero
        r"%(?:[%_-]|(\{[slodiphcrtv])((?:0*[1-9][0-9]*)?r?[.+,/_=-]*\}))", re.IGNORECASE
    )
)
_PLAIN_TERM = re.compile(
    r"([+?~-]?)(?:(all|a|mx)|(ip[46]):([0-9a-f.:]+)(?:/(0|[1-9][0-9]{0,2}))?)\Z"
)
_LOCAL_MACRO = re.compile(r"%\{[ls]", re.IGNORECASE)
_NAME = re.compile(r"[^.]{1,63}(?:\.[^.]{1,63})*+\Z")  # what can be asked (4.3)
# No domain, and in our comments it would pass for a result with readers that split fields at ";".
_SPECIAL = re.compile(r'[\x00-\x20\x7f"(),:;<=>@\\]')
_UNSAFE = re.compile(r"[^ -~]")

_WORDS = {
    "pass": "{domain} designates {client} as permitted sender",
    "fail": "{domain} does not designate {client} as permitted sender",
    "softfail": "{domain} discourages use of {client} as sender",
    "neutral": "{client} is neither permitted nor denied by {domain}",
    "none": "{domain} publishes no SPF record",
    "temperror": "temporary error in processing of {domain}",
    "permerror": "permanent error in processing of {domain}",
}


class _Evaluation(spf.query):
    """pyspf, asking through `ask` and held to RFC 7208 where it strays."""

    def __init__(
        self, client: Address, sender: str, helo: str, receiver: str, ask: Ask
    ) -> None:
        super().__init__("", sender, helo, receiver=receiver or "unknown")
        self._set_client(client)
        local, _, domain = self.s.rpartition("@")  # pyspf splits at the first @, also in quotes
        self.l, self.o, self.d = local or "postmaster", domain, domain
        self._ask = ask
        self._mine = int(client)
        self._explained = ("", "")  # where the explanation is, and the domain it is of
        self._terms = 0
        self._macro_work = 0
        self._asked: dict[tuple[str, RRType], Answer] = {}

    def _set_client(self, client: Address) -> None:
        """What pyspf's set_ip finds by parsing the address once more."""
        self.iplist = False
        self.ipaddr = client
        self.c = str(client)
        if client.version == 4:
            self.A, self.v, self.i, self.cidrmax = "A", "in-addr", self.c, 32
        else:
            nibbles = client.exploded.replace(":", "").upper()
            self.A, self.v, self.i, self.cidrmax = "AAAA", "ip6", ".".join(nibbles), 128

    # -- DNS ----------------------------------------------------------------------------------

    def _answer(self, name: str, rrtype: RRType) -> Answer:
        """The answer, once for each question; TempError where there is none (4.4, 5)."""
        key = (name, rrtype)
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = self._ask(question(_escaped(name), rrtype))
        if answer.status is Status.TEMPFAIL:
            raise spf.TempError(f"DNS {rrtype.name} {printable(name)}: {answer.reason}")
        return answer

    def _found(self, name: str, rrtype: RRType) -> Answer | None:
        """The answer of a term that asks; None, counted as void, if it has no records (4.6.4)."""
        if not _NAME.match(name):
            return None
        answer = self._answer(name, rrtype)
        if answer.status is Status.OK:
            return answer
        self.void_lookups += 1
        if self.void_lookups > MAX_VOID:
            raise spf.PermError(f"more than {MAX_VOID} void lookups")
        return None

    def dns_a(self, domainname: str, A: str = "A") -> list[str]:  # noqa: N803 - pyspf's name
        answer = self._found(domainname, RRType[A])
        return list(answer.addresses) if answer else []

    def dns_mx(self, domainname: str) -> list[str]:
        """5.4. The void limit counts terms: hosts without an address of the client's kind do not."""
        answer = self._found(domainname, RRType.MX)
        exchanges = sorted(answer.mx) if answer else []
        if len(exchanges) > MAX_NAMES:
            raise spf.PermError(f"more than {MAX_NAMES} MX records")
        return [
            address
            for _, exchange in exchanges
            if _NAME.match(exchange)
            for address in self._answer(exchange, RRType[self.A]).addresses
        ]

    def validated_ptrs(self) -> list[str]:
        """5.5: an error in the PTR question matches nothing, one in an address question skips."""
        try:
            answer = self._found(
                f"{'.'.join(reversed(self.i.split('.')))}.{self.v}.arpa", RRType.PTR
            )
        except spf.TempError:
            return []
        return [
            name for name in (answer.names if answer else ())[:MAX_NAMES] if self._is_ours(name)
        ]

    def _is_ours(self, name: str) -> bool:
        if not _NAME.match(name):
            return False
        try:
            return self.cidrmatch(self._answer(name, RRType[self.A]).addresses, self.cidrmax)
        except spf.TempError:
            return False

    def dns_spf(self, domain: str) -> str | None:
        """4.5: the one record of that domain."""
        if domain == NOTHING:
            return "v=spf1"  # an include of it: neutral, which does not match
        answer = self._found(domain, RRType.TXT)
        records = [text for text in answer.txt if _VERSION.match(text)] if answer else []
        if not records:
            return None
        if len(records) > 1:
            raise spf.PermError("Two or more type TXT spf records found.")
        if len(records[0]) > MAX_RECORD:
            raise spf.PermError(f"a record of more than {MAX_RECORD} bytes")
        if not records[0].isascii():
            raise spf.PermError("Non-ascii characters found", repr(records[0]))
        return records[0].decode("ascii")

    # -- evaluation ---------------------------------------------------------------------------

    def cidrmatch(self, ipaddrs: Sequence[str], n: int) -> bool:
        """As pyspf's, in a quarter of its time."""
        shift = self.cidrmax - n
        mine = self._mine >> shift
        for text in ipaddrs:
            bits, number = address_number(text)
            if not bits:
                raise spf.PermError("invalid address", text)
            if bits == self.cidrmax and number >> shift == mine:
                return True
        return False

    def validate_mechanism(self, mech: str) -> spf.Directive:
        """The kinds most records are made of, at a quarter of what pyspf's patterns take."""
        match = _PLAIN_TERM.match(mech)
        if match is not None:
            qualifier, bare, name, address, length = match.groups()
            result = spf.RESULTS[qualifier or "+"]
            if bare:
                return mech, bare, self.d, self.cidrmax, result
            bits, _ = address_number(address)
            prefix = int(length or bits)
            if bits == (32 if name == "ip4" else 128) and prefix <= bits:
                return mech, name, address, prefix, result
        return super().validate_mechanism(mech)

    def check0(self, record: str | None, recursion: int) -> tuple[str, int, str]:
        """4.6: every term of a record is read, then its directives are tried in order."""
        if record is None:
            return "none", 250, ""
        self.p = None  # %{p} prefers names within the domain being looked at (7.3)
        directives, modifiers = self._read(record)
        result, term = "neutral", None
        for directive in directives:
            if self._matches(directive, recursion):
                term, *_, result = directive
                break
        else:
            if "redirect" in modifiers:
                return self._redirected(modifiers["redirect"], recursion)
        if not recursion:
            self.mechanism = term
            self._explained = (modifiers.get("exp", ""), self.d)
        return result, 250, ""

    def _read(self, record: str) -> tuple[list[spf.Directive], dict[str, str]]:
        """The directives of a record, and its redirect and exp expanded.

        Names ignore case (RFC 5234 2.3); an unknown modifier may stand more than once (6).
        """
        terms = record.split(" ")
        self._terms += len(terms)
        if self._terms > MAX_TERMS:
            raise spf.PermError(f"more than {MAX_TERMS} terms")
        directives: list[spf.Directive] = []
        modifiers: dict[str, str] = {}
        for term in terms[1:]:  # the first is "v=spf1"
            if len(term) > MAX_TERM:
                raise spf.PermError(f"a term of more than {MAX_TERM} characters")
            match = _MODIFIER.match(term) if "=" in term else None
            if match is None:
                if term:
                    directives.append(self.validate_mechanism(term))
                continue
            name, value = match.group(1).lower(), term[match.end() :]
            if name not in {"redirect", "exp"}:
                self.expand(value)  # its macros must be some
            elif name in modifiers:
                raise spf.PermError(f"{name}= MUST appear at most once", term)
            elif not value:
                raise spf.PermError(f"{name}= has an empty domain", term)
            else:
                modifiers[name] = self.expand_domain(value)
        return directives, modifiers

    def _matches(self, directive: spf.Directive, recursion: int) -> bool:
        """Whether a directive matches the client (5)."""
        term, name, argument, prefix, _ = directive
        match name:
            case "all":
                return True
            case "ip4":
                return self.A == "A" and self.cidrmatch([argument], prefix)
            case "ip6":
                return self.A == "AAAA" and self.cidrmatch([argument], prefix)
        self._count_lookup()
        match name:
            case "include":
                result, _, _ = self.check1(self.dns_spf(argument), argument, recursion + 1)
                if result == "none":
                    raise spf.PermError(
                        f"No valid SPF record for included domain: {argument}", term
                    )
                return result == "pass"
            case "a":
                return self.cidrmatch(self.dns_a(argument, self.A), prefix)
            case "mx":
                return self.cidrmatch(self.dns_mx(argument), prefix)
            case "exists":
                return bool(self.dns_a(argument))
            case _:  # pyspf lets no others through
                return bool(spf.domainmatch(self.validated_ptrs(), argument))

    def _redirected(self, domain: str, recursion: int) -> tuple[str, int, str]:
        """6.1: it counts when it is followed, where pyspf counts it when it reads it."""
        self._count_lookup()
        record = self.dns_spf(domain)
        if record is None:
            raise spf.PermError("redirect domain has no SPF record", domain)
        return self.check1(record, domain, recursion)

    def _count_lookup(self) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise spf.PermError("Too many DNS lookups")

    def expand(self, s: str, stripdot: bool = True) -> str:
        if "%" not in s and stripdot:
            return _shortened(s.removesuffix("."))
        self._macro_work += len(s) * (s.count(".") + 1)  # what pyspf's search for errors costs
        if self._macro_work > MAX_MACRO_WORK:
            raise spf.PermError("macros beyond measure")
        if "%" in _MACRO.sub("", s):
            raise spf.PermError("invalid macro", s)
        expanded = super().expand(_MACRO.sub(_lower_transformers, s), stripdot)
        if not self.l.isascii() and _LOCAL_MACRO.search(s):
            return NOTHING
        return _shortened(expanded) if stripdot else expanded

    def explanation(self) -> str:
        """The published explanation of a fail; "" where there is none or it is in error (6.2)."""
        name, self.d = self._explained
        try:
            if not _NAME.match(name):
                return ""
            found = self._answer(name, RRType.TXT).txt
            if len(found) != 1 or len(found[0]) > MAX_EXPLANATION:
                return ""
            expanded = self.expand(found[0].decode("ascii"), stripdot=False)
        except (spf.TempError, spf.PermError, UnicodeDecodeError):
            return ""
        return "" if expanded == NOTHING else printable(expanded)[:MAX_EXPLANATION]


def address_number(text: str) -> tuple[int, int]:
    """Bits and value of an address, (0, 0) for what is none; a tenth of what ipaddress takes."""
    family, bits = (AF_INET6, 128) if ":" in text else (AF_INET, 32)
    try:
        return bits, int.from_bytes(inet_pton(family, text), "big")
    except (OSError, ValueError):
        return 0, 0


def _lower_transformers(macro: re.Match[str]) -> str:
    """The macro as pyspf knows it: R reverses as r does."""
    return f"%{macro[1]}{macro[2].lower()}" if macro[1] else macro[0]


def _escaped(name: str) -> str:
    """The name in text form: what macros brought in are bytes of labels, not escapes."""
    return name.replace("\\", "\\\\") if "\\" in name else name


def _shortened(name: str) -> str:
    """Labels are dropped on the left until 253 characters are left (7.3)."""
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def printable(text: str) -> str:
    """The text with a question mark for each character that is not printable ASCII."""
    return _UNSAFE.sub("?", text)


# -- the door -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to, and what Received-SPF says beside the result."""

    result: AuthResult
    identity: Identity
    mechanism: str = ""  # that matched, of the first record; "" where none did


def evaluate_helo(client: Address, helo: str, ask: Ask, *, receiver: str = "") -> Evaluation:
    """Return the evaluation of the HELO identity (2.3); "none" for a literal or a bare word."""
    return _evaluate("helo", client, "", helo, ask, receiver)


def evaluate_mail_from(
    client: Address, reverse_path: str, helo: str, ask: Ask, *, receiver: str = ""
) -> Evaluation:
    """Return the evaluation of the MAIL FROM identity (2.4).

    For the null reverse-path that is postmaster@HELO, and the property is smtp.helo.
    """
    if not reverse_path:
        return evaluate_helo(client, helo, ask, receiver=receiver)
    return _evaluate("mailfrom", client, reverse_path, helo, ask, receiver)


def first_name(reverse_path: str, helo: str) -> str | None:
    """Return the domain whose record is asked for first, None if none is."""
    return _askable(reverse_path.rpartition("@")[2] if reverse_path else helo)


def _askable(domain: str) -> str | None:
    """The domain in A-labels if a record is looked for there: well-formed, more than one label."""
    if len(domain) > MAX_IDENTITY or (domain.startswith("[") and domain.endswith("]")):
        return None
    name = domain.lower() if domain.isascii() else to_alabel(domain)
    name = name.removesuffix(".") if name else name  # 4.3: a label may be empty at the end only
    if not name or "." not in name or _SPECIAL.search(name):
        return None
    return name if _NAME.match(name) else None


def _evaluate(
    identity: Identity, client: Address, reverse_path: str, helo: str, ask: Ask, receiver: str
) -> Evaluation:
    local, _, domain = reverse_path.rpartition("@") if reverse_path else ("", "", helo)
    shown = (Property("smtp", identity, reverse_path if identity == "mailfrom" else helo),)
    name = _askable(domain)
    if name is None or len(reverse_path) > MAX_IDENTITY:
        none = AuthResult("spf", "none", properties=shown, comment="no domain to look at")
        return Evaluation(none, identity)
    helo_name = helo if helo.isascii() else to_alabel(helo) or "unknown"
    sender = f"{local or 'postmaster'}@{name}"
    try:
        run = _Evaluation(client, sender, helo_name, receiver, ask)
        result, _, _ = run.check()
        explained = run.explanation() if result == "fail" else ""
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # A defect of pyspf met by an odd record: that record cannot be interpreted (2.6.7).
        failed = AuthResult("spf", "permerror", reason=type(error).__name__, properties=shown)
        return Evaluation(failed, identity)
    reason = ""
    if result in {"temperror", "permerror"}:
        reason = printable(": ".join([run.prob, *run.mech]))[:MAX_EXPLANATION]
    elif explained:
        reason = f"{name} explains: {explained}"
    comment = _WORDS[result].format(domain=name, client=run.c)
    found = AuthResult("spf", result, reason=reason, properties=shown, comment=comment)
    return Evaluation(found, identity, printable(run.mechanism or ""))
