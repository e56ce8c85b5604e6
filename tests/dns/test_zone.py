from __future__ import annotations

import pytest

from filterd.core.lookup import NODATA, NXDOMAIN, Answer, RRType, Status, question
from filterd.dns.zone import Zone

ZONE = r"""
$TTL 60
; a comment
# another
a.example.com.        IN A    192.0.2.1
                 300  IN A    192.0.2.2     ; the same owner
a.example.com         TXT     "v=spf1 " "-all"
unquoted.example.com  TXT     v=DKIM1; k=rsa; p=abc ; comment
escaped.example.com   TXT     "a\"b\\c\065\255"
many.example.com      TXT     ( "x" ; one
                                "y" )
many.example.com      TXT     "second"
long.example.com      TXT     "LONG"
*.wild.example.com    MX      10 MX.Example.com
*.wild.example.com    TXT     "wild"
x.y.wild.example.com  A       192.0.2.9
alias.example.com     CNAME   a.example.com
far.example.com       CNAME   alias.example.com
gone.example.com      CNAME   nowhere.example.com
wildalias.example.com CNAME   z.wild.example.com
loop.example.com      CNAME   pool.example.com
pool.example.com      CNAME   loop.example.com
partly.example.com    A       192.0.2.7
partly.example.com    TIMEOUT
broken.example.com    SERVFAIL
typed.example.com     A       192.0.2.8
typed.example.com     TIMEOUT A
null.example.com      MX      0 .
bare.example.com      MX      0
odd\.label.example.com PTR    foo\.bar.example.com.
six.example.com       1h AAAA 2001:DB8:0::1
other.example.com     TLSA    3 1 1 abcd
raw.example.com       TXT     \# 3 026869
refused.example.com   REFUSED
*.gap.example.com     A       192.0.2.10
none.gap.example.com  NXDOMAIN
void.gap.example.com  NODATA
old.example.com       DNAME   new.example.com
x.new.example.com     A       192.0.2.11
a.b.new.example.com   TXT     "below"
spin.example.com      DNAME   spin.example.com
grow.example.com      DNAME   g.grow.example.com
$ORIGIN example.net.
@                     A       192.0.2.20
www                   A       192.0.2.21
""".replace("LONG", "k" * 400)


def ok(**fields: object) -> Answer:
    fields.setdefault("ttl", 60)
    return Answer(Status.OK, **fields)  # type: ignore[arg-type]


TABLE: list[tuple[str, str, Answer]] = [
    ("a.example.com", "A", ok(addresses=("192.0.2.1", "192.0.2.2"))),
    ("A.Example.COM.", "TXT", ok(txt=(b"v=spf1 -all",))),
    ("a.example.com", "MX", NODATA),
    ("unquoted.example.com", "TXT", ok(txt=(b"v=DKIM1; k=rsa; p=abc",))),
    ("escaped.example.com", "TXT", ok(txt=(b'a"b\\cA\xff',))),
    ("many.example.com", "TXT", ok(txt=(b"xy", b"second"))),
    ("long.example.com", "TXT", ok(txt=(b"k" * 400,))),
    ("any.wild.example.com", "MX", ok(mx=((10, "mx.example.com"),))),
    ("two.labels.wild.example.com", "TXT", ok(txt=(b"wild",))),
    ("any.wild.example.com", "A", NODATA),
    ("wild.example.com", "TXT", NODATA),  # the wildcard makes its parent exist
    ("y.wild.example.com", "TXT", NODATA),  # an empty non-terminal stops the wildcard
    ("other.y.wild.example.com", "TXT", NXDOMAIN),  # y.wild is the closest encloser
    ("*.wild.example.com", "TXT", ok(txt=(b"wild",))),
    ("alias.example.com", "TXT", ok(txt=(b"v=spf1 -all",))),
    ("alias.example.com", "CNAME", ok(names=("a.example.com",))),
    ("far.example.com", "A", ok(addresses=("192.0.2.1", "192.0.2.2"))),
    ("far.example.com", "MX", NODATA),
    ("gone.example.com", "A", NXDOMAIN),
    ("wildalias.example.com", "TXT", ok(txt=(b"wild",))),
    ("loop.example.com", "A", Answer(Status.TEMPFAIL, reason="alias-loop")),
    ("partly.example.com", "A", ok(addresses=("192.0.2.7",))),
    ("partly.example.com", "TXT", Answer(Status.TEMPFAIL, reason="timeout")),
    ("broken.example.com", "MX", Answer(Status.TEMPFAIL, reason="servfail")),
    ("typed.example.com", "A", Answer(Status.TEMPFAIL, reason="timeout")),
    ("typed.example.com", "TXT", NODATA),
    ("null.example.com", "MX", ok(mx=((0, ""),))),
    ("bare.example.com", "MX", ok(mx=((0, ""),))),
    (r"odd\.label.example.com", "PTR", ok(names=(r"foo\.bar.example.com",))),
    ("odd.label.example.com", "PTR", NXDOMAIN),
    ("six.example.com", "AAAA", ok(addresses=("2001:db8::1",), ttl=3600)),
    ("other.example.com", "A", NODATA),  # a type nobody asks for makes the name exist
    ("raw.example.com", "TXT", ok(txt=(b"hi",))),
    ("example.net", "A", ok(addresses=("192.0.2.20",))),
    ("www.example.net", "A", ok(addresses=("192.0.2.21",))),
    ("refused.example.com", "A", Answer(Status.TEMPFAIL, reason="refused")),
    ("any.gap.example.com", "A", ok(addresses=("192.0.2.10",))),
    ("none.gap.example.com", "A", NXDOMAIN),
    ("void.gap.example.com", "A", NODATA),
    ("x.old.example.com", "A", ok(addresses=("192.0.2.11",))),
    ("a.b.old.example.com", "TXT", ok(txt=(b"below",))),
    ("old.example.com", "A", NODATA),  # a DNAME says nothing of its own name
    ("y.old.example.com", "A", NXDOMAIN),
    ("x.spin.example.com", "A", Answer(Status.TEMPFAIL, reason="alias-loop")),
    (
        "x" * 60 + "." + "y" * 60 + "." + "z" * 60 + "." + "w" * 45 + ".grow.example.com",
        "A",
        Answer(Status.TEMPFAIL, reason="rcode-6"),
    ),
    ("com", "A", NODATA),
    ("nowhere.example.com", "A", NXDOMAIN),
    ("example.org", "A", NXDOMAIN),
    ("a..b", "A", NXDOMAIN),
    ("x" * 64 + ".example.com", "A", NXDOMAIN),
]


@pytest.mark.parametrize(
    ("name", "kind", "expected"), TABLE, ids=[f"{n[:30]}-{k}" for n, k, _ in TABLE]
)
def test_answer(name: str, kind: str, expected: Answer) -> None:
    zone = Zone(ZONE)
    assert zone.problems == ()
    assert zone.ask(question(name, RRType[kind]), 0.0) == expected


def test_no_zone_at_all_knows_nothing() -> None:
    zone = Zone("")
    zone.prefetch([question("a.example", RRType.A)])
    assert zone.ask(question("a.example", RRType.A)) == NXDOMAIN
    zone.close()
