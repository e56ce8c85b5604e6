from __future__ import annotations

from ipaddress import ip_network

import pytest

from filterd.core.evidence import Hit
from filterd.core.transaction import Session, Transaction, client_address
from filterd.core.verdict import Action
from filterd.scan.scanner import resolve_profiles, software_failure
from filterd.scan.schedule import plan
from filterd.scan.settings import DEFAULT_PROFILES, ProfileSettings, Thresholds
from tests.support.builders import a_message
from tests.support.scanning import a_check, a_scanner

LOCAL = [ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("session", "profile"),
    [
        (Session(client=client_address("192.0.2.1")), "default"),
        (Session(client=client_address("127.0.0.1")), "local"),
        (Session(client=client_address("2001:db8::1")), "local"),
        (Session(is_local=True), "local"),
        (Session(), "default"),
        (Session(client=client_address("192.0.2.1"), auth_user="joe"), "authenticated"),
        (Session(client=client_address("127.0.0.1"), auth_user="joe"), "authenticated"),
    ],
)
def test_who_the_client_is_decides_the_profile(session: Session, profile: str) -> None:
    scanner = a_scanner(local_networks=LOCAL)
    assert scanner.profile(scanner.place(session)).name == profile


def test_a_profile_of_the_admin_goes_by_network_or_service() -> None:
    profiles = {
        **DEFAULT_PROFILES,
        "partners": ProfileSettings.model_validate({"networks": ["198.51.100.0/24"]}),
        "submission": ProfileSettings(daemon_names=("SUBMISSION",)),
    }
    scanner = a_scanner()
    scanner.profiles = resolve_profiles(plan((), {}), Thresholds(), profiles)
    partner = Session(client=client_address("198.51.100.9"))
    assert scanner.profile(partner).name == "partners"
    assert scanner.profile(Session(daemon_name="SUBMISSION")).name == "submission"
    assert scanner.profile(Session(client=client_address("192.0.2.1"))).name == "default"


def test_a_profile_changes_the_thresholds_it_names_and_no_others() -> None:
    profiles = {
        "default": ProfileSettings(),
        "strict": ProfileSettings.model_validate({"thresholds": {"reject": 8.0}}),
        "lax": ProfileSettings.model_validate({"thresholds": {"reject": 0}}),
    }
    found = resolve_profiles(plan((), {}), Thresholds(), profiles)
    assert found["default"].thresholds == (("tag", 6.0), ("reject", 15.0))
    assert found["strict"].thresholds == (("tag", 6.0), ("reject", 8.0))
    assert found["lax"].thresholds == (("tag", 6.0),)


def test_the_authserv_id_is_ours_then_the_mtas_then_the_hosts() -> None:
    tx = Transaction(Session(mta_name="mta.example"))
    scanner = a_scanner(configured_authserv_id="ours.example")
    assert scanner.authserv_id(tx) == "ours.example"
    scanner.configured_authserv_id = ""
    assert scanner.authserv_id(tx) == "mta.example"
    assert scanner.authserv_id(Transaction(Session())) == "mx.example.net"


def test_a_broken_filter_defers() -> None:
    verdict = software_failure("WHY9")
    assert verdict.action is Action.TEMPFAIL
    assert verdict.reply is not None
    assert str(verdict.reply).startswith("451 4.3.0 ")
    assert "WHY9" in verdict.reply.text


def test_a_submission_without_recipients_is_judged_by_its_content() -> None:
    from filterd.scan.scanner import Submission

    scanner = a_scanner(a_check("hit", lambda _: [Hit("SEEN")]))
    verdict = scanner.scan(Submission(a_message("From: a@b.example\n\n"), Session()))
    assert [hit.symbol for hit in verdict.hits] == ["SEEN"]
