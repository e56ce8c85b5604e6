"""RFC 9989 as a table: a case for every sentence with MUST that concerns a receiver, and for its examples.

`section` and the words quoted in each id are those of the RFC. Identifiers are what SPF and DKIM found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from filterd.auth.author import author_domains, evaluate_message
from filterd.auth.dmarc import Evaluation, Identifier, evaluate
from filterd.auth.walk import organizational_domain, targets, walk
from filterd.core.lookup import Answer, Ask, Question, Status, tempfail
from filterd.mail.message import Message
from tests.support.answers import Records, asking

P, Q, R = "none", "quarantine", "reject"


@dataclass(frozen=True)
class Case:
    name: str
    author: str
    records: Mapping[str, Records]
    expect: tuple[str, str]  # result, policy after options
    spf: str = ""
    dkim: Sequence[str] = ()
    unknown: Sequence[tuple[str, str]] = field(default=())  # (method, domain) that temperror'd
    at: str = ""  # where the record is found
    organization: str = ""


REJECT = "v=DMARC1; p=reject"
EX = {"_dmarc.example.com": REJECT}

CASES = [
    # -- 4.1, 4.4: pass and alignment
    Case("4.4 strict alignment of identical domains", "news.example.com", EX, ("pass", R), spf="news.example.com"),
    Case("4.4 relaxed: same organizational domain", "news.example.com", EX, ("pass", R), dkim=["foo.example.com"]),
    Case("4.4 none: no common organizational domain", "news.example.com", EX, ("fail", R), dkim=["foo.example.net"]),
    Case("4.4 comparison ignores case", "example.com", EX, ("pass", R), spf="EXAMPLE.com"),
    Case("4.4.1 any aligned DKIM signature is enough", "example.com", EX, ("pass", R), dkim=["a.example", "b.example", "example.com"]),
    Case("4.4.2 SPF alone is enough", "example.com", EX, ("pass", R), spf="bounce.example.com"),
    Case("4.4 a domain that only ends alike is no subdomain", "example.com", EX, ("fail", R), dkim=["badexample.com"]),
    Case("5.3.5 no identifiers: fail", "example.com", EX, ("fail", R)),
    # -- 4.5: character-strings joined (the DNS layer joins them; one record of two strings is one)
    Case("4.5 one TXT record is one policy", "example.com", {"_dmarc.example.com": ["v=spf1 -all", REJECT]}, ("fail", R)),
    # -- 4.7: tags
    Case("4.7 unknown tags MUST be ignored", "example.com", {"_dmarc.example.com": "v=DMARC1; zz=1; p=reject; x-y=2"}, ("fail", R)),
    Case("4.7 pct is gone", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; pct=0"}, ("fail", R)),
    Case("4.7 rf and ri are gone", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; rf=afrf; ri=1"}, ("fail", R)),
    Case("4.7 adkim=s: identical only", "example.com", {"_dmarc.example.com": REJECT + "; adkim=s"}, ("fail", R), dkim=["a.example.com"]),
    Case("4.7 adkim=s: identical passes", "example.com", {"_dmarc.example.com": REJECT + "; adkim=s"}, ("pass", R), dkim=["example.com"]),
    Case("4.7 adkim=s leaves SPF relaxed", "example.com", {"_dmarc.example.com": REJECT + "; adkim=s"}, ("pass", R), spf="a.example.com"),
    Case("4.7 aspf=s: identical only", "example.com", {"_dmarc.example.com": REJECT + "; aspf=s"}, ("fail", R), spf="a.example.com"),
    Case("4.7 aspf=s leaves DKIM relaxed", "example.com", {"_dmarc.example.com": REJECT + "; aspf=s"}, ("pass", R), dkim=["a.example.com"]),
    Case("4.7 v MUST be the first tag", "example.com", {"_dmarc.example.com": "p=reject; v=DMARC1"}, ("none", P)),
    Case("4.7 v is case sensitive", "example.com", {"_dmarc.example.com": "v=dmarc1; p=reject"}, ("none", P)),
    Case("4.7 another version: record MUST be ignored", "example.com", {"_dmarc.example.com": "v=DMARC2; p=reject"}, ("none", P)),
    Case("4.7 absent v: record MUST be ignored", "example.com", {"_dmarc.example.com": "p=reject"}, ("none", P)),
    Case("4.7 DMARC1 and more is no version", "example.com", {"_dmarc.example.com": "v=DMARC1x; p=reject"}, ("none", P)),
    Case("4.7 np absent, sp present: sp MUST be applied", "no.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=quarantine"}, ("fail", Q)),
    Case("4.7 np and sp absent: p MUST be applied", "no.example.com", EX, ("fail", R)),
    Case("4.7 np for a name that does not exist", "no.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; np=reject"}, ("fail", R)),
    Case("4.7 np does not apply to a name that exists", "yes.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; np=reject", "yes.example.com": "x"}, ("fail", P)),
    Case("4.7 np before sp where both are there", "no.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"}, ("fail", R)),
    Case("4.7 sp where the name exists", "yes.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=quarantine; np=reject", "yes.example.com": "x"}, ("fail", Q)),
    Case("4.7 sp and np leave the domain itself to p", "example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=reject; np=reject"}, ("fail", P)),
    Case("4.7 a subdomain's own record: its p, not its sp", "a.example.com", {**EX, "_dmarc.a.example.com": "v=DMARC1; p=quarantine; sp=none"}, ("fail", Q), at="a.example.com"),
    Case("4.7 t=y lowers reject to quarantine", "example.com", {"_dmarc.example.com": REJECT + "; t=y"}, ("fail", Q)),
    Case("4.7 t=y lowers quarantine to none", "example.com", {"_dmarc.example.com": "v=DMARC1; p=quarantine; t=y"}, ("fail", P)),
    Case("4.7 t=y has no effect on none", "example.com", {"_dmarc.example.com": "v=DMARC1; p=none; t=y"}, ("fail", P)),
    Case("4.7 t=y lowers sp too", "a.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=reject; t=y"}, ("fail", Q)),
    Case("4.7 t=n is the default", "example.com", {"_dmarc.example.com": REJECT + "; t=n"}, ("fail", R)),
    # -- 4.8: syntax errors give way to defaults
    Case("4.8 bad adkim: default relaxed", "example.com", {"_dmarc.example.com": REJECT + "; adkim=strict"}, ("pass", R), dkim=["a.example.com"]),
    Case("4.8 bad t: default n", "example.com", {"_dmarc.example.com": REJECT + "; t=maybe"}, ("fail", R)),
    Case("4.8 bad psd: default u", "example.com", {"_dmarc.example.com": REJECT + "; psd=x"}, ("fail", R)),
    Case("4.8 junk between semicolons", "example.com", {"_dmarc.example.com": "v=DMARC1;; ;junk; p=reject;;"}, ("fail", R)),
    Case("4.8 white space around everything", "example.com", {"_dmarc.example.com": "v = DMARC1 ; p = reject ; adkim = s"}, ("fail", R), dkim=["a.example.com"]),
    Case("4.8 values ignore case", "example.com", {"_dmarc.example.com": "v=DMARC1; p=REJECT; ADKIM=S"}, ("fail", R), dkim=["a.example.com"]),
    # -- 4.10: the walk
    Case("4.10 several records are all discarded", "example.com", {"_dmarc.example.com": [REJECT, "v=DMARC1; p=none"]}, ("none", P)),
    Case("4.10 several records: the walk goes on", "a.example.com", {"_dmarc.a.example.com": [REJECT, REJECT], **EX}, ("fail", R), at="example.com"),
    Case("4.10 records that are no DMARC records are discarded", "example.com", {"_dmarc.example.com": ["v=spf1 -all", "junk", "v=DMARC1; p=quarantine"]}, ("fail", Q)),
    Case("4.10.1 the author domain's own record first", "a.example.com", {"_dmarc.a.example.com": "v=DMARC1; p=none", **EX}, ("fail", P), at="a.example.com"),
    Case("4.10.1 else the organizational domain's", "a.b.example.com", EX, ("fail", R), at="example.com", organization="example.com"),
    Case("4.10.1 else the public suffix domain's", "example.com", {"_dmarc.com": "v=DMARC1; p=reject; psd=y"}, ("fail", R), at="com", organization="example.com"),
    Case("4.10.1 PSD: sp for a name that exists", "example.com", {"_dmarc.com": "v=DMARC1; p=none; sp=reject; psd=y"}, ("fail", R), at="com"),
    Case("4.10.1 PSD: np for a name that does not exist", "gone.bank", {"_dmarc.bank": "v=DMARC1; p=none; np=reject; psd=y"}, ("fail", R), at="bank"),
    Case("4.10.1 PSD policy is not used where the organization has one", "a.example.com", {"_dmarc.com": "v=DMARC1; p=reject; psd=y", "_dmarc.example.com": "v=DMARC1; p=none"}, ("fail", P), at="example.com"),
    Case("4.10.1 no record: MUST NOT apply", "example.com", {}, ("none", P), spf="example.com"),
    Case("4.10.1 no valid p, rua: MUST act as p=none", "example.com", {"_dmarc.example.com": "v=DMARC1; p=banana; rua=mailto:a@example.com"}, ("fail", P)),
    Case("4.10.1 no p, rua: as p=none", "example.com", {"_dmarc.example.com": "v=DMARC1; rua=mailto:a@example.com"}, ("fail", P)),
    Case("4.10.1 no p, rua: passes too", "example.com", {"_dmarc.example.com": "v=DMARC1; rua=mailto:a@example.com"}, ("pass", P), spf="example.com"),
    Case("4.10.1 no valid p, no rua: no processing", "example.com", {"_dmarc.example.com": "v=DMARC1; p=banana"}, ("none", P), spf="example.com"),
    Case("4.10.1 bad sp, rua: as p=none", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com"}, ("fail", P)),
    Case("4.10.1 bad np, no rua: no processing", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; np=x"}, ("none", P)),
    Case("4.10.1 a rua that is no URI is no rua", "example.com", {"_dmarc.example.com": "v=DMARC1; p=x; rua=nobody"}, ("none", P)),
    Case("4.10.2 psd=n ends the walk: its domain is the organization", "a.mail.example.com", {"_dmarc.mail.example.com": REJECT + "; psd=n", **EX}, ("fail", R), dkim=["example.com"], organization="mail.example.com"),
    Case("4.10.2 psd=n: siblings below it align", "a.mail.example.com", {"_dmarc.mail.example.com": REJECT + "; psd=n", **EX}, ("pass", R), dkim=["b.mail.example.com"]),
    Case("4.10.2 an identifier below its own psd=n is another organization", "example.com", {"_dmarc.dept.example.com": "v=DMARC1; p=none; psd=n", **EX}, ("fail", R), dkim=["x.dept.example.com"]),
    Case("4.10.2 psd=y: the organization is one label below", "a.mail.example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; psd=y"}, ("pass", R), dkim=["mail.example.com"], organization="mail.example.com"),
    Case("4.10.2 psd=y: two below it do not align", "a.example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; psd=y"}, ("fail", R), dkim=["b.example.com"]),
    Case("4.10.2 psd=y where the walk starts is not one label below", "example.com", {"_dmarc.example.com": REJECT + "; psd=y"}, ("fail", R), organization="example.com"),
    Case("4.10.2 the fewest labels otherwise", "a.mail.example.com", {"_dmarc.mail.example.com": "v=DMARC1; p=none", **EX}, ("fail", R), at="example.com", organization="example.com"),
    Case("4.10.2 identical domains need no organization", "mail.example.com", {"_dmarc.mail.example.com": REJECT}, ("pass", R), dkim=["mail.example.com"]),
    # -- 5.3.6, 4.10.1: errors
    Case("5.3.6 error at the author domain: neither pass nor fail", "example.com", {"_dmarc.example.com": "!"}, ("temperror", P), spf="example.com"),
    Case("5.3.6 error above, no record yet", "a.example.com", {"_dmarc.example.com": "!"}, ("temperror", P)),
    Case("5.3.6 error above, identical domain: pass", "example.com", {**EX, "_dmarc.com": "!"}, ("pass", R), dkim=["example.com"]),
    Case("5.3.6 error above, alignment unknown", "a.example.com", {"_dmarc.a.example.com": REJECT, "_dmarc.com": "!"}, ("temperror", R), dkim=["b.example.com"]),
    Case("5.3.6 error above, nothing to align: fail", "example.com", {**EX, "_dmarc.com": "!"}, ("fail", R)),
    Case("5.3.6 key of an aligned signature not answered", "example.com", EX, ("temperror", R), unknown=[("dkim", "example.com")]),
    Case("5.3.6 key of a foreign signature not answered: no matter", "example.com", EX, ("fail", R), unknown=[("dkim", "example.net")]),
    Case("5.3.6 aligned SPF not answered", "example.com", EX, ("temperror", R), unknown=[("spf", "example.com")]),
    Case("5.3.6 aligned SPF not answered, DKIM passes: pass", "example.com", EX, ("pass", R), dkim=["example.com"], unknown=[("spf", "example.com")]),
    Case("5.3.6 error in the walk of an identifier", "example.com", {**EX, "_dmarc.x.example.com": "!"}, ("temperror", R), dkim=["x.example.com"]),
    Case("4.10.1 existence not known where np counts", "no.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; np=reject", "no.example.com": "!"}, ("temperror", P)),
    # -- B.1, B.4: the examples
    Case("B.1.1 example 2: SPF in relaxed alignment", "child.example.com", EX, ("pass", R), spf="example.com"),
    Case("B.1.2 example 3: DKIM not aligned", "child.example.com", EX, ("fail", R), dkim=["sample.net"]),
    Case("B.4.3 example with a PSD record", "giant.bank.example", {"_dmarc.bank.example": "v=DMARC1; p=reject; psd=y"}, ("fail", R), dkim=["mega.bank.example"], organization="giant.bank.example"),
]  # fmt: skip


def identifiers(case: Case) -> list[Identifier]:
    known = [Identifier("spf", case.spf.lower())] if case.spf else []
    known += [Identifier("dkim", domain.lower()) for domain in case.dkim]
    known += [Identifier(method, domain, "temperror") for method, domain in case.unknown]
    return known


def run(case: Case) -> Evaluation:
    return evaluate(case.author, identifiers(case), asking(case.records))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_result_and_policy(case: Case) -> None:
    found = run(case)
    assert (found.result, found.policy.text) == case.expect
    if case.at:
        assert found.policy_domain == case.at
    if case.organization:
        assert found.organizational == case.organization


def test_the_table_is_as_long_as_promised() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_temporary_trouble_never_counts_as_failure() -> None:
    """Each answer of each case in turn is replaced by a timeout: what failed may not fail falsely."""
    for case in CASES:
        expected = case.expect[0]
        asked: list[Question] = []
        ask = asking(case.records, asked=asked)
        known = identifiers(case)
        evaluate(case.author, known, ask)
        for broken in set(asked):

            def faulty(question: Question, broken: Question = broken, ask: Ask = ask) -> Answer:
                return tempfail("timeout") if question == broken else ask(question)

            result = evaluate(case.author, known, faulty).result
            assert result in {expected, "temperror"}, (case.name, broken)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", ["example.com", "com"]),
        ("com", ["com"]),
        (
            "a.mail.example.com",
            ["a.mail.example.com", "mail.example.com", "example.com", "com"],
        ),
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ],
        ),
        (
            "mail.a.b.c.d.e.f.g.example.com",
            [
                "mail.a.b.c.d.e.f.g.example.com",
                "c.d.e.f.g.example.com",
                "d.e.f.g.example.com",
                "e.f.g.example.com",
                "f.g.example.com",
                "g.example.com",
                "example.com",
                "com",
            ],
        ),
        ("a.b.c.d.e.f.g.h", ["a.b.c.d.e.f.g.h", *("bcdefgh"[i:] for i in range(7))]),
    ],
    ids=["two", "one", "four", "4.10-illustration", "5.1.8-illustration", "eight"],
)
def test_names_of_the_walk(domain: str, expected: list[str]) -> None:
    dotted = [
        name if "." in name or len(name) < 2 or name == "com" else ".".join(name)
        for name in expected
    ]
    assert list(targets(domain)) == dotted
    assert len(targets(domain)) <= 8


def test_deep_names_cost_eight_questions_in_all() -> None:
    asked: list[Question] = []
    deep = ".".join("x" for _ in range(100)) + ".example.com"
    evaluate(deep, [], asking(EX, asked=asked))
    assert len({q.name for q in asked if q.name.startswith("_dmarc.")}) <= 8


@pytest.mark.parametrize(
    ("start", "records", "expected"),
    [
        ("a.mail.example.com", {"_dmarc.mail.example.com": REJECT, **EX}, "example.com"),
        (
            "a.mail.example.com",
            {"_dmarc.mail.example.com": REJECT + "; psd=n"},
            "mail.example.com",
        ),
        ("a.mail.example.com", {"_dmarc.com": REJECT + "; psd=y"}, "example.com"),
        ("mail.example.com", {"_dmarc.example.com": REJECT + "; psd=y"}, "mail.example.com"),
        ("a.mail.example.com", {}, "a.mail.example.com"),
    ],
    ids=["fewest", "psd-n", "psd-y-tld", "psd-y", "nothing"],
)
def test_examples_of_4_10_2(start: str, records: Mapping[str, Records], expected: str) -> None:
    assert organizational_domain(walk(start, asking(records))) == expected


# -- 5.3.1 and 11.5: From -------------------------------------------------------------------

TWO = {**EX, "_dmarc.example.net": "v=DMARC1; p=quarantine"}


@pytest.mark.parametrize(
    ("fields", "dkim", "result", "policy"),
    [
        ("From: a@example.com\n", "example.com", "pass", R),
        ("From: a@EXAMPLE.COM\n", "example.com", "pass", R),
        ("From: a@bücher.example\n", "xn--bcher-kva.example", "pass", R),
        ("To: a@example.com\n", "example.com", "permerror", P),
        ("From: Undisclosed:;\n", "example.com", "permerror", P),
        ('From: "Test User"\n', "example.com", "permerror", P),
        ("From:\n", "example.com", "permerror", P),
        ("From: a@[192.0.2.1]\n", "example.com", "permerror", P),
        ("From: a@example.com, b@example.com\n", "example.com", "pass", R),
        ("From: a@example.com, b@example.net\n", "example.com", "fail", Q),
        ("From: a@example.net, b@example.com\n", "example.net", "fail", R),
        ("From: a@example.com, b@example.net\n", "other.example", "fail", R),
        ("From: a@example.com\nFrom: b@example.net\n", "example.com", "fail", Q),
        ("From: a@example.com\nFrom: b@example.com\n", "example.com", "permerror", R),
        ("From: a@example.com, b@[192.0.2.1]\n", "example.com", "permerror", R),
        ("From: a@example.com, b@nowhere.example\n", "example.com", "none", P),
        ("From: " + ", ".join(f"a@d{i}.example" for i in range(20)) + "\n", "d0.example", "permerror", P),
        ("From: " + ", ".join(f"a@d{i}.example" for i in range(20)) + ", b@example.com\n", "x.example", "permerror", P),
        ("From: <a@example.com> b@example.net\n", "example.net", "fail", R),
        ("From: a@example.com@example.net\n", "example.net", "fail", R),
        ("From: Group: a@example.com, b@example.com;\n", "example.com", "pass", R),
        ('From: "b@example.net" <a@example.com>\n', "example.com", "pass", R),
    ],
)  # fmt: skip
def test_no_form_of_from_bypasses_the_policy(
    fields: str, dkim: str, result: str, policy: str
) -> None:
    message = Message.from_bytes(fields.encode() + b"\nHi\n")
    records = {**TWO, "_dmarc.xn--bcher-kva.example": REJECT}
    authors = author_domains(message)
    found = evaluate_message(authors, [Identifier("dkim", dkim)], asking(records))
    assert (found.result, found.policy.text) == (result, policy)


# -- RFC 7489 beside it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "records", "dkim", "result", "historic"),
    [
        ("a.example.com", EX, "b.example.com", "pass", ""),
        ("example.com", EX, "", "fail", ""),
        ("example.com", {"_dmarc.com": REJECT + "; psd=y"}, "", "fail", "none"),
        ("example.com", {"_dmarc.example.com": REJECT + "; t=y"}, "", "fail", "fail/reject"),
        ("example.com", {"_dmarc.example.com": REJECT + "; pct=20"}, "", "fail", "fail/reject, pct=20"),
        ("x.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; np=reject"}, "", "fail", "fail/none"),
        ("a.b.example.com", {"_dmarc.b.example.com": REJECT}, "", "fail", "none"),
        ("a.dept.example.com", {"_dmarc.dept.example.com": REJECT + "; psd=n", **EX}, "example.com", "fail", "pass/reject"),
        ("one.co.uk", {"_dmarc.co.uk": REJECT, "_dmarc.one.co.uk": REJECT}, "two.co.uk", "pass", "fail/reject"),
    ],
)  # fmt: skip
def test_answer_of_rfc_7489_is_shown_where_it_differs(
    author: str, records: Mapping[str, Records], dkim: str, result: str, historic: str
) -> None:
    known = [Identifier("dkim", dkim)] if dkim else []
    found = evaluate(author, known, asking(records))
    assert (found.result, found.historic) == (result, historic)


@pytest.mark.parametrize("status", [Status.NODATA, Status.NXDOMAIN])
def test_status_of_absent_records_does_not_matter(status: Status) -> None:
    assert evaluate("example.com", [], lambda _question: Answer(status)).result == "none"
