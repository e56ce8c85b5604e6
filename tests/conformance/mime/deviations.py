"""Where we differ from a suite on purpose, with the reason; a deviation that starts to pass fails."""

from __future__ import annotations

_NO_FIELD = (
    "a line that is no field ends the header, as in Postfix and Sendmail; James skips it"
)
_SPACE = "a boundary cannot end in white space (RFC 2046 5.1.1), so it is cut; James keeps it"
_ODD_TAIL = "text after the last group of four is decoded as far as it goes; James drops it"

MIME4J: dict[str, str] = {
    "frag": _ODD_TAIL,
    "multi-frag": _ODD_TAIL,
    "hdr-fakeout": _NO_FIELD,
    "basic-plain-with-bad-header-separator": _NO_FIELD,
    "malformedHeader-nocrlfcrlf": _NO_FIELD,
    "malformedHeader-noheader": _NO_FIELD,
    "malformedHeaderStartsBody-nocrlfcrlf": _NO_FIELD,
    "malformedHeaderStartsBody-noheader": _NO_FIELD,
    "obsolete": _NO_FIELD,
    "very-long-boundary": _SPACE,
    "very-very-long-boundary": _SPACE,
    "weird-boundary": _SPACE,
}

_UU = "x-uuencode is decoded here, kept as text there"
_8BIT = "US-ASCII text with bytes above 127 is read as windows-1252, not as U+FFFD"
_EXACT = "a line that is exactly a delimiter of an open multipart is that one's, whichever is shorter"
_BARE = (
    "a delimiter line at the very end, or with no part after it, opens an empty part (RFC 2046)"
)
_TWO_TYPES = "two Content-Type fields: the first is taken (and marked), there the last"

MAIL_PARSER: dict[str, str] = {
    "legacy-017": _UU,
    "legacy-026": _UU,
    "legacy-048": _UU,
    "legacy-033": _8BIT,
    "legacy-052": _8BIT,
    "legacy-045": "decoded text has LF line ends here",
    "malformed-000": _BARE,
    "malformed-001": _EXACT,
    "malformed-007": _EXACT,
    "malformed-008": _EXACT,
    "malformed-009": "a delimiter of the outer multipart ends the inner one (RFC 2046 5.1.2)",
    "malformed-011": "a delimiter of the outer multipart ends the inner one (RFC 2046 5.1.2)",
    "malformed-012": "a delimiter of the outer multipart ends the inner one (RFC 2046 5.1.2)",
    "malformed-013": _BARE,
    "malformed-014": _BARE,
    "malformed-016": "the unterminated quoted boundary swallows the next line there, not here",
    "malformed-019": _BARE,
    "malformed-020": _TWO_TYPES,
    "malformed-021": _TWO_TYPES,
    "malformed-022": "message/rfc822 without any field is a message with a body all the same",
    "rfc-000": "text instead of base64 is decoded as far as it is base64, not shown as it stands",
    "thirdparty-002": _8BIT,
    "thirdparty-005": "a delimiter that does not begin a line is text",
    "thirdparty-015": "a delimiter ends a part that is still in its header (RFC 2046 5.1.2)",
}

_URLS = "a list of URLs (RFC 2369), which is no address list"
_VALUE = "what is not `name=value` after the type names nothing"

ADDRESSES: dict[str, str] = {
    "013": "a source route is named as a defect, not kept in the address (RFC 5322 4.4)",
    "030": "an address in what other readers take for a comment is named too",
    "038": _URLS,
    "040": _URLS,
    "041": _URLS,
    "043": _URLS,
    "045": _URLS,
    "046": _URLS,
}
DATES: dict[str, str] = {
    "010": "a month in digits is no date (RFC 5322 3.3)",
    "012": "a month in digits is no date (RFC 5322 3.3)",
    "014": "a comment may hold a comment (RFC 5322 3.2.2)",
    "028": "the date of a Received field is what stands after its last semicolon",
}
CONTENT_TYPES: dict[str, str] = {
    "031": "sections of both kinds with quotes inside: taken literally here",
    "034": "adjacent encoded words are joined (RFC 2047 6.2)",
    "047": _VALUE,
    "048": _VALUE,
    "049": _VALUE,
    "054": _VALUE,
    "058": _VALUE,
    "059": _VALUE,
    "061": _VALUE,
    "076": "a third part of the type is passed over",
    "077": "a third part of the type is passed over",
    "078": "a third part of the type is passed over",
}
