from __future__ import annotations

from collections.abc import Iterable

import pytest

from filterd.auth.spf import evaluate_mail_from
from filterd.auth.spfahead import MAX_LEADS, leads
from filterd.core.lookup import Answer, Asked, Lead, Question
from filterd.core.transaction import client_address
from filterd.dns.zone import Zone

CLIENT = client_address("192.0.2.1")
assert CLIENT is not None


def flat(asked: Iterable[Asked], zone: Zone) -> list[Question]:
    found: list[Question] = []
    for each in asked:
        if isinstance(each, Lead):
            found.append(each.question)
            found += flat(each.follow(zone.ask(each.question)), zone)
        else:
            found.append(each)
    return found


def guessed(text: str, path: str = "joe@example.org", client: str = "192.0.2.1") -> list[str]:
    address = client_address(client)
    assert address is not None
    return [
        f"{q.name} {q.rrtype.name}" for q in flat(leads(address, path, "h.example"), Zone(text))
    ]


def asked(text: str) -> set[str]:
    """What the evaluation itself asks."""
    zone = Zone(text)
    found: list[Question] = []

    def ask(question: Question) -> Answer:
        found.append(question)
        return zone.ask(question)

    assert CLIENT is not None
    evaluate_mail_from(CLIENT, "joe@example.org", "h.example", ask)
    return {f"{q.name} {q.rrtype.name}" for q in found}


ZONES = {
    "includes": (
        'example.org TXT "v=spf1 include:a.example include:b.example -all"\n'
        'a.example TXT "v=spf1 include:c.example -all"\nb.example TXT "v=spf1 ~all"\nc.example TXT "v=spf1 ?all"'
    ),
    "redirect": 'example.org TXT "v=spf1 redirect=a.example"\na.example TXT "v=spf1 a:b.example/24 -all"',
    "hosts": (
        'example.org TXT "v=spf1 a mx mx:m.example//64 ptr -all"\nexample.org MX 10 x.example\n'
        "m.example MX 10 y.example\nm.example MX 20 z.example"
    ),
    "first match ends it": 'example.org TXT "v=spf1 ip4:192.0.2.0/24 include:a.example -all"',
    "all ends it": 'example.org TXT "v=spf1 -all include:a.example"',
    "no record": "",
    "two records": 'example.org TXT "v=spf1 a -all"\nexample.org TXT "v=spf1 mx -all"',
    "qualifiers and capitals": 'example.org TXT "V=SPF1 -INCLUDE:A.example ?A ~all"',
}


@pytest.mark.parametrize("text", ZONES.values(), ids=ZONES)
def test_everything_that_will_be_asked_is_guessed(text: str) -> None:
    assert asked(text) <= set(guessed(text))


def test_nothing_behind_a_sure_match_is_guessed() -> None:
    assert guessed(ZONES["first match ends it"]) == ["example.org TXT"]
    assert guessed(ZONES["all ends it"]) == ["example.org TXT"]


def test_macros_are_left_to_the_evaluation() -> None:
    assert guessed(
        'example.org TXT "v=spf1 include:%{d}.x.example exists:%{i}.y.example -all"'
    ) == ["example.org TXT"]


def test_addresses_are_of_the_clients_kind() -> None:
    assert guessed('example.org TXT "v=spf1 a -all"', client="2001:db8::1") == [
        "example.org TXT",
        "example.org AAAA",
    ]


@pytest.mark.parametrize("path", ["", "joe@localhost", "joe@[192.0.2.1]"])
def test_no_name_no_lead(path: str) -> None:
    assert CLIENT is not None
    assert list(leads(CLIENT, path, "localhost")) == []


def test_loops_and_crowds_are_bounded() -> None:
    many = " ".join(f"include:i{n}.example a:a{n}.example" for n in range(100))
    text = f'example.org TXT "v=spf1 include:example.org {many} -all"\n' + "".join(
        f'i{n}.example TXT "v=spf1 include:example.org include:i{n + 1}.example mx -all"\n'
        for n in range(100)
    )
    assert len(guessed(text)) <= MAX_LEADS
