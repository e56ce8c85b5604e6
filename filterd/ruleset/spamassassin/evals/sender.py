"""sender - what SpamAssassin's rules ask about who sent it: free mail, allow and deny lists, proof.

Owns:   check_freemail_*, check_*_in_*list, check_for_spf_*, check_dkim_*.
Not here: proving it: results are those of our own checks (auth).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import re2

from filterd.mail.domain import organizational
from filterd.ruleset.spamassassin.evals.call import Arguments, Function, searcher
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View

MAX_ADDRESS = 320  # characters

# A local part and a domain as SpamAssassin's FreeMail sees addresses in text.
_ADDRESS = re.compile(
    rb"[a-z0-9._%+=#-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,126}[a-z0-9])?\.[a-z]{2,24}", re.IGNORECASE
)
_QUOTED = re.compile(
    rb"<?https?://\S{0,255}?(?:@|%40)\S{0,255}"
    rb"|<?(?<!mailto:)[a-z0-9._%+=#-]{1,64}@[a-z0-9.-]{1,128}\.[a-z]{2,24}"
    rb"(?:>|\s{1,10}(?!(?:fa(?:x|csi)|tel|phone|e?-?mail))[a-z]{2,11}:)",
    re.IGNORECASE,
)
_NOT_FREE = re.compile(
    r"(?:abuse|support|sales|info|helpdesk|contact|kontakt|postmaster|webmaster|noc|hostmaster|domains?|"
    r"dns-?admin|listserv|listmaster|majordomo|.*-owner|owner-.*|.*bounces?|.*-request)@",
    re.IGNORECASE,
)
_BULK = re.compile(
    r"(?:list|owner|request|bounce|return|errors?|news(?:letter)?|lists?|admin)", re.IGNORECASE
)


def _from_addresses(view: View) -> list[str]:
    found = view.get("Resent-From:first:addr") or [
        *view.get("From:addr"),
        *view.get("Envelope-Sender:addr"),
        *view.get("Resent-Sender:addr"),
        *view.get("X-Envelope-From:addr"),
        *view.get("EnvelopeFrom:addr"),
    ]
    return list(dict.fromkeys(a.decode("utf-8", "replace").lower() for a in found if a))


def _is_freemail(address: str, lists: Lists) -> bool:
    if not address or _NOT_FREE.match(address):
        return False
    domain = address.rpartition("@")[2]
    if domain in lists.freemail:
        return True
    return any(entry in lists.freemail for entry in _wildcards(domain))


def _wildcards(domain: str) -> Iterable[str]:
    labels = domain.split(".")
    for count in range(1, min(len(labels), 4)):
        yield "*." + ".".join(labels[count:])
        yield ".".join(labels[:-count]) + ".*"


def freemail_from(view: View, args: Arguments, lists: Lists) -> bool:
    """check_freemail_from([pattern])."""
    return _matching_freemail(_from_addresses(view), args[0] if args else "", lists)


def freemail_header(view: View, args: Arguments, lists: Lists) -> bool:
    """check_freemail_header(field, [pattern])."""
    name = args[0].removesuffix(":addr")
    found = [a.decode("utf-8", "replace").lower() for a in view.get(f"{name}:addr")]
    return _matching_freemail(found, args[1] if len(args) > 1 else "", lists)


def _matching_freemail(addresses: Iterable[str], regex: str, lists: Lists) -> bool:
    pattern = searcher(regex) if regex else None
    for address in addresses:
        if _is_freemail(address, lists) and (
            pattern is None or pattern.search(address.encode()) is not None
        ):
            return True
    return False


def freemail_replyto(view: View, args: Arguments, lists: Lists) -> bool:
    """check_freemail_replyto([what]): answers go to another free mailbox."""
    what = args[0] if args else "replyto"
    sender = next(iter(view.get("EnvelopeFrom")), b"").decode("utf-8", "replace")
    if _BULK.search(sender.partition("@")[0]):
        return False
    authors = [a.decode("utf-8", "replace").lower() for a in view.get("From:addr")]
    replies = [a.decode("utf-8", "replace").lower() for a in view.get("Reply-To:addr")]
    from_is_free = any(_is_freemail(a, lists) for a in authors)
    reply_is_free = any(_is_freemail(a, lists) for a in replies)
    if from_is_free and reply_is_free and not set(authors) & set(replies):
        return True
    if what == "replyto" and not reply_is_free:
        return False
    if what == "reply" and ((replies and not reply_is_free) or not from_is_free):
        return False
    wanted = replies if what == "replyto" or reply_is_free else authors
    body = [a for a in _body_addresses(view) if _is_freemail(a, lists)]
    return any(address != reply for address in body for reply in wanted)


def _body_addresses(view: View) -> list[str]:
    found: dict[str, None] = {}
    for rendered in view.rendered:
        for link in rendered.links:
            if link.lower().startswith("mailto:"):
                match = _ADDRESS.match(link[7:].encode("utf-8", "replace"))
                if match is not None:
                    found[match.group().decode().lower()] = None
    for line in view.body:
        if b"@" not in line:
            continue
        for match in _ADDRESS.finditer(_QUOTED.sub(b" ", line)):
            found[match.group().decode().lower()] = None
            if len(found) >= 40:
                return list(found)
    return list(found)


def _listed(addresses: Iterable[str], entries: Iterable[str]) -> bool:
    patterns = [_wildcard(entry) for entry in entries]
    return any(
        p.match(address[:MAX_ADDRESS].encode()) is not None
        for address in addresses
        for p in patterns
    )


@cache
def _wildcard(entry: str) -> Any:
    """The RE2 pattern of an address with * and ?."""
    text = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in entry[:MAX_ADDRESS])
    return re2.compile(rf"{text}\z".encode())


def in_list(view: View, args: Arguments, lists: Lists) -> bool:
    """check_from_in_list(name)."""
    return _listed(_from_addresses(view), lists.named.get(args[0], ()))


def reply_in_list(view: View, args: Arguments, lists: Lists) -> bool:
    """check_replyto_in_list(name)."""
    replies = [a.decode("utf-8", "replace").lower() for a in view.get("Reply-To:addr")[:1]]
    return _listed(replies, lists.named.get(args[0], ()))


def from_listed(name: str) -> Function:
    """check_from_in_*(): the sender is on that list."""
    return lambda view, _args, lists: _listed(_from_addresses(view), getattr(lists, name))


def to_listed(name: str) -> Function:
    """check_to_in_*(): a recipient is on that list."""

    def look(view: View, _args: Arguments, lists: Lists) -> bool:
        entries = getattr(lists, name)
        if not entries:
            return False
        found = [*view.get("ToCc:addr"), *(r.encode() for r in view.tx.envelope.recipients)]
        return _listed((a.decode("utf-8", "replace").lower() for a in found), entries)

    return look


def authenticated(name: str, method: str) -> Function:
    """A sender on the list whose domain the method confirms."""

    def look(view: View, _args: Arguments, lists: Lists) -> bool:
        passed = any(result.result == "pass" for result in view.tx.auth(method))
        return passed and _listed(_from_addresses(view), getattr(lists, name))

    return look


@dataclass(frozen=True, slots=True)
class Result:
    """True where the method came to that result in our own checks."""

    method: str
    result: str = ""
    identity: str = ""  # of SPF: "helo" or "mailfrom"

    def __call__(self, view: View, _args: Arguments, _: Lists) -> bool:
        for one in view.tx.auth(self.method):
            if self.identity and not one.get(f"smtp.{self.identity}"):
                continue
            if not self.result or one.result == self.result:
                return True
        return False


def signed(method: str) -> Function:
    """check_dkim_signed(), check_arc_signed(): there is something to prove."""
    return lambda view, _args, _: any(one.result != "none" for one in view.tx.auth(method))


def signed_by_author(view: View, _args: Arguments, _: Lists) -> bool:
    """check_dkim_valid_author_sig(): a signature of the author's own domain holds."""
    author = next(iter(view.get("From:addr:domain")), b"").decode("utf-8", "replace").lower()
    return any(
        one.result == "pass" and organizational((one.get("header.d") or "").lower()) == author
        for one in view.tx.auth("dkim")
    )


def spf_functions() -> dict[str, Function]:
    """check_for_spf_*() and check_for_spf_helo_*(), by name."""
    found: dict[str, Function] = {}
    for result in ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"):
        found[f"check_for_spf_{result}"] = Result("spf", result, "mailfrom")
        found[f"check_for_spf_helo_{result}"] = Result("spf", result, "helo")
    return found
