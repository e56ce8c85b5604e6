from __future__ import annotations

import pytest

from filterd.checks import dnsbl, domainlist
from filterd.dns.retired import RETIRED, reason


@pytest.mark.parametrize(
    "zone",
    ["relays.ordb.org", "ORDB.org.", "dnsbl.sorbs.net", "dul.dnsbl.sorbs.net", "list.dsbl.org", "dnsbl.ahbl.org",
     "combined.njabl.org", "ix.dnsbl.manitu.net", "cbl.abuseat.org", "bogusmx.rfc-ignorant.org"],
)  # fmt: skip
def test_dead_list_is_known_with_everything_below(zone: str) -> None:
    assert reason(zone)


@pytest.mark.parametrize(
    "zone",
    [
        "zen.spamhaus.org",
        "multi.surbl.org",
        "dnsbl.manitu.net",
        "bl.example.org",
        "notordb.org",
        "",
    ],
)
def test_living_list_is_not_taken_for_dead(zone: str) -> None:
    assert reason(zone) == ""


def test_no_shipped_list_is_dead() -> None:
    shipped = [
        *dnsbl.SHIPPED.values(),
        *domainlist.SHIPPED.values(),
        *domainlist.SHIPPED_ADDRESSES.values(),
    ]
    assert [each.zone for each in shipped if reason(each.zone)] == []


def test_each_reason_is_a_phrase_an_admin_can_read() -> None:
    for zone, why in RETIRED.items():
        assert zone == zone.lower().strip(".")
        assert len(why) > 15
        assert not why.endswith(".")
