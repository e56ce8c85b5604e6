"""Names and addresses: each symbol hits its case and leaves the ordinary message alone."""

from __future__ import annotations

from pathlib import Path

from filterd.checks.author import CHECK, Settings
from filterd.core.evidence import AuthResult
from filterd.mail.authres import Property
from tests.support.heuristics import mail, symbols, table

HITS: list[tuple[str, bytes]] = [
    ("FROM_NO_ADDRESS", mail(**{"from": "Bob Miller"})),
    ("FROM_AMBIGUOUS", mail(**{"from": "<bob@example.org> <eve@example.com>"})),
    ("FROM_NAME_ADDRESS", mail(**{"from": '"boss@example.com" <bob@example.org>'})),
    ("FROM_NAME_SPACES", mail(**{"from": '"Bank             _" <bob@example.org>'})),
    ("FROM_NAME_CAPITALS", mail(**{"from": "DOCTOR MILLER <bob@example.org>"})),
    ("FROM_NAME_IS_SUBJECT", mail(**{"from": "Minutes of the meeting <bob@example.org>"})),
    ("FROM_NAME_IS_LOCAL", mail(**{"from": "Member Survey <member_survey@example.org>"})),
    ("FROM_DISPOSABLE", mail(**{"from": "bob@mailinator.com"})),
    ("FROM_FREEMAIL", mail(**{"from": "bob@gmail.com"})),
    ("FROM_FREEMAIL_DIGITS", mail(**{"from": "bob1970@yahoo.co.uk"})),
    ("FROM_CHEAP_TLD", mail(**{"from": "bob@offers.xyz"})),
    ("FROM_CHEAP_TLD", mail(**{"from": "bob@offers.za.com"})),
    ("FROM_UNKNOWN_TLD", mail(**{"from": "bob@example.lokal"})),
    ("FROM_LOCAL_RANDOM", mail(**{"from": "xkcdfghj@example.org"})),
    ("FROM_BRAND", mail(**{"from": "PayPal Service <bob@example.org>"})),
    ("FROM_BRAND", mail(**{"from": "Sams Club <bob@example.org>"})),
    ("FROM_LOOKALIKE", mail(**{"from": "WaImart Rewards <bob@example.org>"})),
    ("FROM_LOOKALIKE", mail(**{"from": "Paypa1 <bob@example.org>"})),
    ("REPLY_TO_INVALID", mail(reply_to="nobody")),
    ("REPLY_TO_FREEMAIL", mail(reply_to="bob.miller@gmail.com")),
    ("REPLY_TO_OTHER_FREEMAIL", mail(**{"from": "bob@gmail.com"}, reply_to="eve@yahoo.com")),
    ("REPLY_TO_DIGITS", mail(reply_to="bobmiller77@gmail.com")),
    ("REPLY_TO_DIFFERS", mail(reply_to="bob@example.com")),
    ("REPLY_TO_DISPOSABLE", mail(reply_to="bob@mailinator.com")),
    ("TO_MISSING", mail(to=None)),
    ("TO_UNDISCLOSED", mail(to="undisclosed-recipients:;")),
    ("TO_UNDISCLOSED", mail(to="unlisted-recipients:; (no To-header on input)")),
    ("TO_NO_ADDRESS", mail(to="Friends")),
    ("TO_IS_FROM", mail(to="bob@example.org")),
    ("TO_NAME_IS_LOCAL", mail(to='"ann" <ann@example.net>')),
    ("TO_LOCAL_IN_SUBJECT", mail(to="annsmith@example.net", subject="A gift for annsmith")),
    ("TO_SORTED", mail(to=", ".join(f"ann{n}@example.net" for n in range(10, 20)))),
]  # fmt: skip
MISSES: list[tuple[str, bytes]] = [
    ("FROM_NAME_ADDRESS", mail(**{"from": '"bob@mail.example.org" <bob@example.org>'})),
    ("FROM_NAME_IS_LOCAL", mail(**{"from": "Bob Miller <bob@example.org>"})),
    ("FROM_FREEMAIL", mail(**{"from": "bob@mail.example.org"})),
    ("FROM_BRAND", mail(**{"from": "PayPal <service@mail.paypal.com>"})),
    ("FROM_BRAND", mail(**{"from": "Sams Club <news@sams-club.example>"})),
    ("FROM_LOOKALIKE", mail(**{"from": "Ian Mitchell <bob@example.org>"})),
    ("REPLY_TO_DIFFERS", mail(reply_to="answers@mail.example.org")),
    ("REPLY_TO_DIFFERS", mail(reply_to="list@lists.example.com", list_id="<l.example.com>")),
    ("REPLY_TO_OTHER_FREEMAIL", mail(**{"from": "bob@gmail.com"}, reply_to="bob@gmail.com")),
    ("TO_UNDISCLOSED", mail(to="undisclosed-recipients:;", cc="ann@example.net")),
    ("TO_SORTED", mail(to=", ".join(f"{n}@example.net" for n in ["zoe", "ann", "bob", "kim", "lee", "max", "pat", "tom"]))),
]  # fmt: skip
OURS = Settings(own_domains=("example.net",))


test_hits, test_misses, test_every_symbol_has_a_case = table(
    CHECK, HITS, MISSES, {"FROM_OWN_UNPROVEN", "FROM_NAME_OWN_DOMAIN", "FROM_VIP_NAME"}
)


def test_an_ordinary_message_hits_nothing() -> None:
    assert symbols(CHECK, mail()) == set()


def test_our_own_domain_from_outside_needs_a_proof() -> None:
    forged = mail(**{"from": "boss@mail.example.net"})
    assert "FROM_OWN_UNPROVEN" in symbols(CHECK, forged, OURS)
    proof = AuthResult("dkim", "pass", "", (Property("header", "d", "example.net"),))
    assert "FROM_OWN_UNPROVEN" not in symbols(CHECK, forged, OURS, evidence=[proof])
    other = AuthResult("dkim", "pass", "", (Property("header", "d", "example.com"),))
    assert "FROM_OWN_UNPROVEN" in symbols(CHECK, forged, OURS, evidence=[other])
    assert "FROM_OWN_UNPROVEN" in symbols(
        CHECK, forged, OURS, evidence=[AuthResult("spf", "pass")]
    )
    aligned = {"mail_from": "x@example.net", "evidence": [AuthResult("spf", "pass")]}
    assert "FROM_OWN_UNPROVEN" not in symbols(CHECK, forged, OURS, **aligned)


def test_our_own_domain_from_inside_needs_none() -> None:
    forged = mail(**{"from": "boss@example.net"})
    assert "FROM_OWN_UNPROVEN" not in symbols(CHECK, forged, OURS, is_local=True)
    assert "FROM_OWN_UNPROVEN" not in symbols(CHECK, forged, OURS, auth_user="boss")


def test_our_own_domain_in_a_strangers_name() -> None:
    assert "FROM_NAME_OWN_DOMAIN" in symbols(
        CHECK, mail(**{"from": '"example.net Support" <bob@example.org>'}), OURS
    )
    assert "FROM_NAME_OWN_DOMAIN" not in symbols(CHECK, mail(), OURS)


def test_names_of_the_vip_file(tmp_path: Path) -> None:
    file = tmp_path / "vip"
    file.write_text("# people\nJane Doe <jane@example.net>, jane.doe@example.com\n")
    settings = Settings(vip_file=file)
    for name in ("Jane Doe", '"DOE, Jane"', "jane   doe"):
        assert "FROM_VIP_NAME" in symbols(
            CHECK, mail(**{"from": f"{name} <eve@example.org>"}), settings
        )
    assert "FROM_VIP_NAME" not in symbols(
        CHECK, mail(**{"from": "Jane Doe <jane@example.net>"}), settings
    )
    assert "FROM_VIP_NAME" not in symbols(
        CHECK, mail(**{"from": "Jane Doe <JANE.DOE@example.com>"}), settings
    )
    assert "FROM_VIP_NAME" not in symbols(
        CHECK, mail(**{"from": "John Doe <eve@example.org>"}), settings
    )


def test_a_vip_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert symbols(CHECK, mail(), Settings(vip_file=tmp_path / "none")) == set()
