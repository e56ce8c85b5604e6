"""What `if` comes to."""

from __future__ import annotations

import pytest

from filterd.ruleset.spamassassin.condition import has_plugin, holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version >= 3.004000", True),
        ("version < 4.000000", False),
        ("(version >= 3.004000) && !plugin(Mail::SpamAssassin::Plugin::DKIM)", False),
        ("plugin(Mail::SpamAssassin::Plugin::FreeMail)", True),
        ("plugin(Mail::SpamAssassin::Plugin::Unheard)", False),
        ("can(Mail::SpamAssassin::Conf::feature_bug6558_free)", True),
        ("has(Mail::SpamAssassin::Plugin::Unheard::thing)", False),
        ("perl_version >= 5.010000 || 0", True),
        ("local_tests_only", True),
        ("something_unknown", False),
        ("(((", None),
        ("1 ? 2 : 3", None),
        ("", None),
    ],
)
def test_an_if_is_met_or_not_or_cannot_be_told(text: str, expected: bool | None) -> None:
    assert holds(text) is expected


def test_a_plugin_is_known_by_its_last_name() -> None:
    assert has_plugin("Mail::SpamAssassin::Plugin::MIMEHeader")
    assert not has_plugin("Mail::SpamAssassin::Plugin::")
