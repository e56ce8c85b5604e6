"""field - what SpamAssassin's rules ask about header fields and relays.

Owns:   recipients, subject, dates, message-ids; which relays are trusted or could not be read.
Not here: reading Received fields (relay).
"""

from __future__ import annotations

import re
from itertools import combinations

from filterd.mail.domain import organizational
from filterd.ruleset.spamassassin.evals.call import Arguments
from filterd.ruleset.spamassassin.source import Lists
from filterd.ruleset.spamassassin.view import View


def missing_to(view: View, _args: Arguments, _: Lists) -> bool:
    """check_for_missing_to_header(): neither To nor Apparently-To."""
    return not view.get("To") and not view.get("Apparently-To")


def illegal(view: View, args: Arguments, _: Lists) -> bool:
    """check_illegal_chars(field, ratio, count): raw eight-bit or control characters."""
    text = view.field(args[0] if args[0].endswith(":raw") else f"{args[0]}:raw") or b""
    if not text.strip():
        return False
    if (
        not text.isascii()
        and _is_utf8(text)
        and not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
    ):
        return False
    illegal = len(re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]", text))
    if args[0].lower() == "subject" and len(re.findall(rb"[\xa2\xa3\xae]", text)) == 1:
        illegal -= illegal > 0
    return illegal / len(text) >= float(args[1]) and illegal >= float(args[2])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _recipients(view: View) -> list[bytes]:
    found: list[bytes] = []
    for address in (*view.get("ToCc:addr"), *view.get("Bcc:addr")):
        if not found or found[-1].lower() != address.lower():
            found.append(address)
    return found[:256]


def sorted_recipients(view: View, _args: Arguments, _: Lists) -> bool:
    """Whether sorted: seven or more in the order of the alphabet."""
    found = _recipients(view)
    return len(found) >= 7 and found == sorted(found)


def similar_recipients(view: View, args: Arguments, _: Lists) -> bool:
    """Share of pairs that begin alike."""
    found = _recipients(view)
    if len(found) < 5:
        return False
    pairs = [(a, a.rpartition(b"@")[2]) for a in found]
    hits = total = 0
    for (one, host), (two, other) in combinations(pairs, 2):
        total += 1
        hits += one[:2] == two[:2]
        hits += host[:2] == other[:2] and host != other
    low = 0.0 if args[0] == "undef" else float(args[0])
    high = float("inf") if args[1] == "undef" else float(args[1])
    return low <= hits / total < high


def subject_capitals(view: View, _args: Arguments, _: Lists) -> bool:
    """subject_is_all_caps()."""
    subject = (view.field("Subject") or b"").decode("utf-8", "replace").strip()
    subject = re.sub(
        r"^(?:(?:Re|Fwd|Fw|Aw|Antwort|WG|SV|VB|VS|VL):\s*)+", "", subject, flags=re.IGNORECASE
    )
    if not re.search(r"\s", subject) or len(subject.encode()) < 10:
        return False
    raw = view.field("Subject:raw") or b""
    if re.search(
        rb"=\?(?:koi8|iso-2022|euc|gb|big5|windows-125[156]|iso-8859-[578]|utf-8\?)",
        raw,
        re.IGNORECASE,
    ):
        return False
    letters = re.sub(r"[^a-zA-Z]", "", subject)
    return bool(letters) and letters == letters.upper()


def to_in_subject(view: View, args: Arguments, _: Lists) -> bool:
    """check_for_to_in_subject(what): "address" or "user"."""
    first = next(iter(view.get("To:addr")), b"").decode("utf-8", "replace")
    subject = (view.field("Subject") or b"").decode("utf-8", "replace").rstrip("\n")
    if not first:
        return False
    if args[0] == "address":
        return re.search(rf"\b{re.escape(first)}\b", subject, re.IGNORECASE) is not None
    user = re.escape(first.partition("@")[0])
    return (
        re.match(
            rf"(?:(?:re|fw):\s*(?:\w+\s+)?{user}$|(?-i:{user})\s*[,:;!?-](?:$|\s)|{user}$|,\s*{user}[,:;!?-]$)",
            subject,
            re.IGNORECASE,
        )
        is not None
    )


def header_count(view: View, args: Arguments, _: Lists) -> bool:
    """check_header_count_range(field, low, high)."""
    return float(args[1]) <= len(set(view.get(args[0]))) <= float(args[2])


def env_matches_from(view: View, _args: Arguments, _: Lists) -> bool:
    """check_for_matching_env_and_hdr_from()."""
    sender = next(iter(view.get("EnvelopeFrom:addr")), b"").lower()
    return sender == next(iter(view.get("From:addr")), b"").lower()


def shifted_date(view: View, args: Arguments, _: Lists) -> bool:
    """check_for_shifted_date(low, high): hours that Date is ahead of Received."""
    date = view.message.date
    times = [hop.date for hop in view.message.hops if hop.date is not None]
    if date is None or not times:
        return False
    if len(times) > 1 and times[0] - times[1] > 3600 * 24 * 3:
        times = times[1:]
    differences = [date - one for one in times]
    difference = min(differences, key=abs)
    low = float("-inf") if args[0] == "undef" else 3600 * float(args[0])
    high = float("inf") if args[1] == "undef" else 3600 * float(args[1])
    return low <= difference < high


def ratware_name_id(view: View, _args: Arguments, _: Lists) -> bool:
    """check_ratware_name_id()."""
    found = re.search(rb"<[A-Z]{28}\.([^>]+?)>", view.field("MESSAGEID") or b"")
    if found is None:
        return False
    author = view.field("From") or b""
    return re.search(rb'"[^"]+"\s*<' + re.escape(found.group(1)) + rb">", author) is not None


def ratware_envelope(view: View, _args: Arguments, _: Lists) -> bool:
    """check_ratware_envelope_from(): the recipient written into the sender."""
    to = next(iter(view.get("To:addr")), b"").decode("utf-8", "replace")
    sender = next(iter(view.get("EnvelopeFrom:addr")), b"").decode("utf-8", "replace")
    user, at, domain = to.partition("@")
    if not at or not sender or re.match(r"SRS\d[=+-]", sender, re.IGNORECASE):
        return False
    known = re.escape(organizational(domain.lower()))
    return re.search(rf"\b{known}.{re.escape(user)}@", sender, re.IGNORECASE) is not None


def all_trusted(view: View, _args: Arguments, _: Lists) -> bool:
    """check_all_trusted(): every relay is internal."""
    return (
        bool(view.relays)
        and all(one.is_internal for one in view.relays)
        and not view.trail.unread
    )


def no_relays(view: View, _args: Arguments, _: Lists) -> bool:
    """check_no_relays()."""
    return not view.relays and not view.trail.unread


def relays_unparseable(view: View, _args: Arguments, _: Lists) -> bool:
    """check_relays_unparseable()."""
    return view.trail.unread > 0


def sender_matches_relay(view: View, _args: Arguments, _: Lists) -> bool:
    """check_mailfrom_matches_rcvd()."""
    outside = [one for one in view.relays if not one.is_internal]
    sender = next(iter(view.get("EnvelopeFrom:addr")), b"").decode("utf-8", "replace")
    if not outside or "@" not in sender or not outside[0].rdns:
        return False
    return organizational(outside[0].rdns.lower()) == organizational(
        sender.rpartition("@")[2].lower()
    )


_IPV4 = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.)\d{1,3}\Z")


def helo_mismatch(view: View, _args: Arguments, _: Lists) -> bool:
    """helo_ip_mismatch(): HELO is an address of another network."""
    for one in view.relays:
        found = _IPV4.match(one.helo)
        if one.is_internal or found is None or _IPV4.match(one.ip) is None:
            continue
        if one.helo != one.ip and not one.ip.startswith(found.group(1)):
            return True
    return False
