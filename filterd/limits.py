"""limits - every ceiling of the filter in one place, each with the reason for its value.

Rules of this file: a limit is a number with a unit and a reason; reaching one is marked
(a symbol or a log key), never an error to the MTA.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings on what one message may cost; reached limits are named in Message.marks."""

    message_bytes: int = (
        20 << 20
    )  # scanned prefix; larger mail is marked OVERSIZE (Postfix default 10 MB)
    header_fields: int = 2_000  # kept for checks; 10,000 fields cost time, not meaning
    header_bytes: int = 1 << 20  # Postfix header_size_limit is 100 KiB a field
    field_bytes: int = 256 << 10  # above libmilter's 64 KiB, see frontends.milter
    removals: int = (
        500  # of forged fields; Postfix reads the header anew for each (2,000: 1.4 s)
    )
    mime_parts: int = 200  # parts walked; real mail has < 50
    mime_depth: int = 30  # nesting walked; 200-deep bombs stop here
    boundary_bytes: int = 8_000  # RFC 2046 5.1.1 says 70, readers take any
    text_bytes: int = 512 << 10  # decoded text looked at by rules and classifier in all
    html_bytes: int = 512 << 10  # HTML parsed in all
    part_bytes: int = 4 << 20  # decoded bytes of one attachment looked at
    links: int = 500  # distinct links looked at
    addresses: int = 1_000  # addresses parsed from one field
    received_hops: int = 100  # RFC 5321 6.3 expects loops to be found near 100
    signatures: int = 8  # RFC 6376 8.4: each costs a DNS question and a hash
    arc_sets: int = 50  # RFC 8617 4.2.1
    signature_bytes: int = 16 << 10  # of one signature field parsed; real ones are < 4 kB
    record_bytes: int = 16 << 10  # of one TXT record parsed as a DKIM key or a DMARC policy
    author_domains: int = 5  # evaluated for DMARC; RFC 9989 11.5 warns of large numbers
    recipients: int = 1_000  # per transaction
    dns_questions: int = 200  # per scan
    archive_members: int = 200
    archive_depth: int = 3
    archive_bytes: int = 16 << 20  # unpacked, in all
    archive_ratio: int = 200  # unpacked to packed
    hit_detail_chars: int = 200  # of a detail in a header field or the log


LIMITS = Limits()
