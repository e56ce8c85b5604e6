"""evals - the functions that SpamAssassin's rules call (eval:), as far as they are known here.

Owns:   FUNCTIONS, SILENT, wrong_call.
Not here: what asks the network or another program (SILENT): DNS lists, Razor, DCC, Bayes, for which the
        filter has checks of its own. Rules that call anything else are reported.
"""

from __future__ import annotations

import re

from filterd.ruleset.spamassassin.evals import body, field, html, sender
from filterd.ruleset.spamassassin.evals.call import COMPARISON, Function, searcher
from filterd.ruleset.spamassassin.source import Rule

SILENT = frozenset(
    [
        "check_dkim_valid_envelopefrom",
        "check_from_in_default_whitelist",
        "check_from_in_default_welcomelist",
        "check_rbl",
        "check_rbl_sub",
        "check_rbl_txt",
        "check_rbl_envfrom",
        "check_rbl_from_host",
        "check_rbl_accreditation",
        "check_dns_sender",
        "check_uridnsbl",
        "check_bayes",
        "check_razor2",
        "check_razor2_range",
        "check_pyzor",
        "check_dcc",
        "check_dcc_reputation_range",
        "check_hashbl_bodyre",
        "check_hashbl_emails",
        "check_hashbl_uris",
        "check_dkim_adsp",
        "check_from_in_auto_welcomelist",
        "check_from_in_auto_whitelist",
        "check_senders_reputation",
        "check_shortcircuit",
        "check_language",
        "check_for_faraway_charset",
        "check_for_faraway_charset_in_headers",
        "html_charset_faraway",
        "check_access_database",
        "have_any_bounce_relays",
        "check_welcomelist_bounce_relays",
        "check_whitelist_bounce_relays",
        "check_dkim_signall",
        "check_dkim_signsome",
        "check_dkim_testing",
        "check_uri_host_listed",
        "check_uri_host_in_welcomelist",
        "check_uri_host_in_whitelist",
        "check_uri_host_in_blocklist",
        "check_uri_host_in_blacklist",
        "check_subject_in_welcomelist",
        "check_subject_in_whitelist",
        "check_subject_in_blocklist",
        "check_subject_in_blacklist",
        "check_microsoft_executable",
        "check_fromname_spoof",
        "check_fromname_equals_to",
        "check_fromname_equals_replyto",
        "short_url",
        "short_url_chained",
        "short_url_maxchain",
        "short_url_loop",
        "short_url_200",
        "short_url_404",
        "check_asn",
        "pdf_match_details",
        "pdf_image_size_range",
        "pdf_is_encrypted",
        "pdf_is_empty_body",
        "pdf_image_to_text_ratio",
        "pdf_count",
        "check_dmarc_pass",
        "check_dmarc_reject",
        "check_dmarc_quarantine",
        "check_dmarc_none",
        "check_dmarc_missing",
    ]
)


# t text, n number, u number or "undef", i number or "inf", p pattern, c comparison; capitals may be left out.
_TAKES = {
    "html_tag_exists": "t",
    "html_test": "t",
    "html_text_match": "tp",
    "html_range": "tnI",
    "html_eval": "tc",
    "html_image_only": "nn",
    "html_image_ratio": "nn",
    "html_tag_balance": "tc",
    "html_title_subject_ratio": "n",
    "check_for_mime": "t",
    "check_msg_parse_flags": "t",
    "check_body_length": "n",
    "tvd_vertical_words": "nn",
    "check_for_uppercase": "nn",
    "check_illegal_chars": "tnn",
    "similar_recipients": "uu",
    "check_for_to_in_subject": "t",
    "check_header_count_range": "tnn",
    "check_for_shifted_date": "uu",
    "check_freemail_from": "P",
    "check_freemail_header": "tP",
    "check_freemail_replyto": "T",
    "check_from_in_list": "t",
    "check_replyto_in_list": "t",
}
# What the first argument can be.
_ARGUMENTS = {
    "html_test": {"html", "embeds"},
    "html_range": {"length", "closed_extra_ratio", "bad_tag_ratio", "non_element_ratio"},
    "html_eval": {"length"},
    "check_msg_parse_flags": {"missing_head_body_separator", "truncated_header"},
    "check_for_mime": {
        "mime_base64_count", "mime_attachment", "mime_qp_count", "mime_qp_long_line",
        "mime_base64_encoded_text", "mime_bad_iso_charset",
    },
}  # fmt: skip


def wrong_call(rule: Rule) -> str:
    """Why the rule's function cannot be called here in this way; "" where it can."""
    name, arguments = rule.function, rule.arguments
    if name not in FUNCTIONS:
        return f"eval:{name}() is not known here"
    known = _ARGUMENTS.get(name)
    if known is not None and (not arguments or arguments[0] not in known):
        return f"eval:{name}({arguments[0] if arguments else ''}) is not known here"
    takes = _TAKES.get(name, "")
    if len(arguments) < sum(letter.islower() for letter in takes):
        return f"eval:{name}() needs {len(takes)} arguments"
    for letter, argument in zip(takes.lower(), arguments, strict=False):
        if not _fits(letter, argument):
            return f"eval:{name}(): {argument!r} is not what it takes"
    return ""


def _fits(letter: str, argument: str) -> bool:
    match letter:
        case "p":
            return searcher(argument) is not None
        case "c":
            return COMPARISON.match(argument) is not None
        case "u" | "i" if argument == {"u": "undef", "i": "inf"}[letter]:
            return True
        case "n" | "u" | "i":
            return re.fullmatch(r"-?\d{0,9}(?:\.\d{0,9})?", argument) is not None and any(
                c.isdigit() for c in argument
            )
        case _:
            return True


FUNCTIONS: dict[str, Function] = {
    "html_tag_exists": html.tag_exists,
    "html_test": html.test,
    "html_text_match": html.text_match,
    "html_range": html.in_range,
    "html_eval": html.compares,
    "html_image_only": html.image_only,
    "html_image_ratio": html.image_ratio,
    "html_tag_balance": html.tag_balance,
    "html_title_subject_ratio": html.title_subject_ratio,
    "check_for_mime": body.check_for_mime,
    "check_for_mime_html": body.mime_html,
    "check_for_mime_html_only": body.mime_html_only,
    "check_msg_parse_flags": body.parse_flag,
    "check_body_length": body.body_length,
    "tvd_vertical_words": body.vertical_words,
    "check_for_uppercase": body.uppercase,
    "check_for_missing_to_header": field.missing_to,
    "check_illegal_chars": field.illegal,
    "sorted_recipients": field.sorted_recipients,
    "similar_recipients": field.similar_recipients,
    "subject_is_all_caps": field.subject_capitals,
    "check_for_to_in_subject": field.to_in_subject,
    "check_header_count_range": field.header_count,
    "check_for_matching_env_and_hdr_from": field.env_matches_from,
    "check_for_shifted_date": field.shifted_date,
    "check_ratware_name_id": field.ratware_name_id,
    "check_ratware_envelope_from": field.ratware_envelope,
    "check_all_trusted": field.all_trusted,
    "check_no_relays": field.no_relays,
    "check_relays_unparseable": field.relays_unparseable,
    "check_mailfrom_matches_rcvd": field.sender_matches_relay,
    "helo_ip_mismatch": field.helo_mismatch,
    "check_freemail_from": sender.freemail_from,
    "check_freemail_header": sender.freemail_header,
    "check_freemail_replyto": sender.freemail_replyto,
    "check_from_in_list": sender.in_list,
    "check_replyto_in_list": sender.reply_in_list,
    "check_from_in_welcomelist": sender.from_listed("allow_from"),
    "check_from_in_whitelist": sender.from_listed("allow_from"),
    "check_from_in_blocklist": sender.from_listed("deny_from"),
    "check_from_in_blacklist": sender.from_listed("deny_from"),
    "check_to_in_welcomelist": sender.to_listed("allow_to"),
    "check_to_in_whitelist": sender.to_listed("allow_to"),
    "check_to_in_blocklist": sender.to_listed("deny_to"),
    "check_to_in_blacklist": sender.to_listed("deny_to"),
    "check_to_in_more_spam": sender.to_listed("more_spam_to"),
    "check_to_in_all_spam": sender.to_listed("all_spam_to"),
    "check_for_spf_welcomelist_from": sender.authenticated("allow_from_auth", "spf"),
    "check_for_spf_whitelist_from": sender.authenticated("allow_from_auth", "spf"),
    "check_for_def_spf_welcomelist_from": sender.authenticated(
        "default_allow_from_auth", "spf"
    ),
    "check_for_def_spf_whitelist_from": sender.authenticated("default_allow_from_auth", "spf"),
    "check_for_dkim_welcomelist_from": sender.authenticated("allow_from_auth", "dkim"),
    "check_for_dkim_whitelist_from": sender.authenticated("allow_from_auth", "dkim"),
    "check_for_def_dkim_welcomelist_from": sender.authenticated(
        "default_allow_from_auth", "dkim"
    ),
    "check_for_def_dkim_whitelist_from": sender.authenticated(
        "default_allow_from_auth", "dkim"
    ),
    "check_dkim_signed": sender.signed("dkim"),
    "check_dkim_valid": sender.Result("dkim", "pass"),
    "check_dkim_valid_author_sig": sender.signed_by_author,
    "check_dkim_dependable": sender.signed("dkim"),
    "check_arc_signed": sender.signed("arc"),
    "check_arc_valid": sender.Result("arc", "pass"),
    **sender.spf_functions(),
}
