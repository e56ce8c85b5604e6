"""Loading rule files: what is read, what is refused, where the mistake is, what a reload changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.core.errors import ConfigError
from filterd.core.evidence import AuthResult, Hit, Proposal
from filterd.core.stage import Stage
from filterd.core.verdict import Action
from filterd.ruleset import RuleSet, RuleSettings, differences, load
from tests.support.builders import a_transaction


def rules_of(
    folder: Path, text: str, name: str = "50-mine.toml", **settings: object
) -> RuleSet:
    (folder / name).write_text(text)
    return load(
        RuleSettings.model_validate({"shipped": False, "directory": folder, **settings})
    )


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        rules_of(folder, text)
    return [f"{p.where}: {p.message}" for p in error.value.problems]


def hits(rules: RuleSet, **facts: object) -> list[str]:
    tx = a_transaction(**facts)  # type: ignore[arg-type]
    return [hit.symbol for hit in rules.match(tx)]


PATTERN = """
[rule.{name}]
where = {where}
match = {match}
"""


@pytest.mark.parametrize(
    ("where", "pattern", "facts"),
    [
        ("client", r"^192\.0\.2\.", {"client": "192.0.2.9"}),
        ("client.name", r"dyn", {"client_name": "a.dyn.example"}),
        ("helo", r"^\[", {"helo": "[192.0.2.1]"}),
        ("mail_from", r"^bounce@", {"mail_from": "bounce@example.org"}),
        ("mail_from.domain", r"^example\.org$", {"mail_from": "x@Example.org"}),
        ("rcpt", r"^sales@", {"rcpt": ("a@b.example", "sales@b.example")}),
        ("rcpt.domain", r"^b\.example$", {"rcpt": ("a@b.example",)}),
        ("subject", r"héllo", {"message": "Subject: =?utf-8?q?h=C3=A9llo?=\n\nx"}),
        ("header:X-Mailer", r"Bulk", {"message": "x-mailer: Bulk\n\nx"}),
        ("header:Subject:raw", r"=\?utf-8", {"message": "Subject: =?utf-8?q?h?=\n\nx"}),
        ("header:From:name", r"Bank", {"message": 'From: "The Bank" <a@b.example>\n\nx'}),
        ("header:From:address", r"^a@b", {"message": "From: x <a@b.example>\n\nx"}),
        ("header:From:domain", r"^b\.example$", {"message": "From: x <a@b.example>\n\nx"}),
        ("header", r"^X-Odd: 1$", {"message": "From: a@b.c\nX-Odd: 1\n\nx"}),
        ("body", r"two\s+words", {"message": "From: a@b.c\n\ntwo\nwords"}),
        ("raw", r"=C3=A9", {"message": "From: a@b.c\n\n=C3=A9"}),
        (
            "html",
            r"<blink>",
            {"message": "Content-Type: text/html\n\n<p><blink>now</blink>"},
        ),
        ("link", r"\?id=", {"message": "From: a@b.c\n\nhttp://a.example/x?id=1"}),
        ("link.host", r"^a\.example\.com$", {"message": "A: b\n\nhttp://a.example.com/x"}),
        ("link.site", r"^example\.com$", {"message": "A: b\n\nhttp://a.example.com/x"}),
        (
            "link.text",
            r"^Click$",
            {"message": "Content-Type: text/html\n\n<a href='http://a.example/'>Click</a>"},
        ),
        (
            "attachment.name",
            r"\.exe$",
            {
                "message": "Content-Type: application/x\n"
                "Content-Disposition: attachment; filename=a.exe\n\nx"
            },
        ),
        ("attachment.type", r"^application/", {"message": "Content-Type: application/x\n\nx"}),
        ("part.type", r"^text/plain$", {"message": "From: a@b.c\n\nx"}),
    ],
)
def test_a_pattern_looks_at_the_place_it_names(
    tmp_path: Path, where: str, pattern: str, facts: dict[str, object]
) -> None:
    rules = rules_of(
        tmp_path, PATTERN.format(name="IT", where=f"'{where}'", match=f"'{pattern}'")
    )
    assert hits(rules, **facts) == ["IT"]
    other = "From: q@q.invalid\nContent-Type: text/x-other\n\nnothing here"
    assert not hits(
        rules,
        client="198.51.100.1",
        mail_from="q@q.invalid",
        rcpt=("q@q.invalid",),
        message=other,
    )


def test_every_mistake_is_reported_with_line_and_column(tmp_path: Path) -> None:
    text = """\
[group.words]
cap = -1
[rule.ONE]
where = "subjekt"
match = 'a(?=b)'
scor = 3
[rule.TWO]
where = "subject"
match = 'x)'
[rule.THREE]
when = "TWOO and spf == 'passs'"
score = "high"
[rule.FOUR]
where = "subject"
match = 'cheap'
count = "about 3"
action = "rejct"
[sybmol.X]
score = 1
"""
    actions = "accept, tag, greylist, tempfail, quarantine, reject, discard"
    tables = "[rule.NAME], [symbol.NAME] and [group.NAME]"
    assert problems_of(tmp_path, text) == [
        "2:7: a cap is 0 (none) or more",
        '6:8: "scor" is not known here; did you mean "score"?',
        "9:11: TWO: a ) without its (",
        '11:9: THREE: "TWOO" is no symbol and no fact; did you mean "TWO"?',
        '11:25: THREE: "passs" is no result of spf; did you mean "pass"?',
        "12:9: expected a number, got 'high'",
        '16:9: a count is a number from 1 to 99, or ">= 3", "== 2"',
        f'17:10: an action is one of {actions}; did you mean "reject"?',
        f'18:1: "sybmol" is not known here; there are {tables}; did you mean "symbol"?',
    ]


def test_look_around_is_refused_with_a_hint(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "[rule.A]\nwhere = 'body'\nmatch = 'ab(?=c)'\n")
    assert problem == (
        "3:12: A: look-ahead cannot run in linear time; write what must follow as a second "
        "pattern, or use `unless`"
    )


def test_a_place_of_another_name_is_suggested(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "[rule.A]\nwhere = 'subjekt'\nmatch = 'ab'\n")
    assert problem == '2:9: A: "subjekt" is no place to look at; did you mean "subject"?'


def test_broken_toml_is_one_problem_with_its_place(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "[rule.A]\nwhere = \n")
    assert problem == "2:9: Invalid value"


def test_examples_are_tried_when_rules_are_loaded(tmp_path: Path) -> None:
    text = """
[rule.CHEAP]
where = "subject"
match = 'cheap'
hit = ["cheap", "Cheap"]
miss = ["dear", "so cheap"]
"""
    assert problems_of(tmp_path, text) == [
        "5:17: CHEAP: does not hit its own hit example 'Cheap'",
        "6:17: CHEAP: hits its own miss example 'so cheap'",
    ]


def test_a_later_file_wins_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "10-shipped.toml").write_text(
        "[group.g]\ncap = 3\n[rule.A]\nwhere='subject'\nmatch='a'\nscore=1.0\ngroup='g'\n"
        "describe='An a.'\n[rule.B]\nwhere='subject'\nmatch='b'\n[symbol.SPF_FAIL]\nscore=1"
    )
    rules = rules_of(
        tmp_path,
        "[symbol.A]\nscore = 0.2\n[rule.B]\nenabled = false\n[symbol.SPF_FAIL]\nmode='shadow'\n"
        "[group.g]\ncap = 5",
    )
    assert rules.scores["A"].points == 0.2
    assert rules.scores["A"].describe == "An a."
    assert rules.scores["SPF_FAIL"].shadow
    assert rules.groups["g"].cap == 5
    assert hits(rules, message="Subject: ab\n\n") == ["A"]
    assert [origin.file.name for origin in rules.declared.origins["A"]] == [
        "10-shipped.toml",
        "50-mine.toml",
    ]


def test_count_and_unless(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        "[rule.MANY]\nwhere='body'\nmatch='!'\ncount = '> 2'\nunless = 'sorry'\n",
    )
    assert hits(rules, message="A: b\n\nwow!!!") == ["MANY"]
    assert hits(rules, message="A: b\n\nwow!!") == []
    assert hits(rules, message="A: b\n\nsorry!!!") == []


@pytest.mark.parametrize(
    ("where", "entries", "facts", "expected"),
    [
        ("client", "192.0.2.0/24\n2001:db8::/32\n", {"client": "192.0.2.77"}, ["L"]),
        ("client", "192.0.2.0/24\n2001:db8::/32\n", {"client": "2001:db8::1"}, ["L"]),
        ("client", "192.0.2.0/24\n", {"client": "198.51.100.1"}, []),
        ("helo", "example.com\n", {"helo": "mx.Example.COM"}, ["L"]),
        ("helo", "=example.com\n", {"helo": "mx.example.com"}, []),
        ("helo", "example.com # ours\n", {"helo": "badexample.com"}, []),
        ("mail_from", "a@b.example\n", {"mail_from": "A@b.example"}, ["L"]),
        ("mail_from", "@b.example\n", {"mail_from": "x@sub.b.example"}, ["L"]),
        ("body", "cheap pills\nviagra\n", {"message": "A: b\n\nCheap\n  PILLS!"}, ["L"]),
        ("body", "cheap pills\nviagra\n", {"message": "A: b\n\nviagrax"}, []),
    ],
)
def test_lists(
    tmp_path: Path, where: str, entries: str, facts: dict[str, object], expected: list[str]
) -> None:
    (tmp_path / "some.list").write_text(entries)
    rules = rules_of(tmp_path, f"[rule.L]\nwhere = '{where}'\nlist = 'some.list'\n")
    assert hits(rules, **facts) == expected


def test_a_bad_entry_of_a_list_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "some.list").write_text("192.0.2.0/24\n# fine\n192.0.2.1/24\n")
    with pytest.raises(ConfigError) as error:
        rules_of(tmp_path, "[rule.L]\nwhere = 'client'\nlist = 'some.list'\n")
    (problem,) = error.value.problems
    assert (Path(problem.file).name, problem.where) == ("some.list", "3:1")


COMPOSITE = """
[symbol.OUTSIDE]
score = 1
[group.g]
[rule._URGENT]
where = "body"
match = 'urgent'
[rule.FREE]
where = "header:From:domain"
in = ["free.example"]
group = "g"
score = 2
[rule.BOTH]
when = 'FREE and _URGENT and spf == "fail" and score >= 2'
[rule.THEN]
when = 'BOTH and count(OUT*, FREE) == 2 and group("g") == 2'
action = "reject"
reply = "554 5.7.9 No thanks"
"""


def test_composites_see_symbols_results_parts_and_scores(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, COMPOSITE)
    tx = a_transaction(message="From: a@free.example\n\nurgent")
    tx.evidence += [AuthResult("spf", "fail"), Hit("OUTSIDE")]
    tx.evidence += rules.match(tx)
    assert [hit.symbol for hit in tx.hits] == ["OUTSIDE", "FREE"]  # parts are not shown
    found = list(rules.compose(tx, {"": 3.0, "FREE": 2.0, "OUTSIDE": 1.0}))
    assert [item.symbol for item in found if isinstance(item, Hit)] == ["BOTH", "THEN"]
    (proposal,) = [item for item in found if isinstance(item, Proposal)]
    assert proposal.action is Action.REJECT
    assert str(proposal.reply) == "554 5.7.9 No thanks"
    assert proposal.symbol == "THEN"


def test_composites_that_need_each_other_are_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(
        tmp_path, "[rule.A]\nwhen='B'\n[rule.B]\nwhen='C'\n[rule.C]\nwhen='A'"
    )
    assert problem.endswith("needs itself: A -> B -> C -> A")


def test_an_action_without_a_reply_names_the_rule(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "[rule.A]\nwhere='subject'\nmatch='x'\naction='reject'\n")
    tx = a_transaction(message="Subject: x\n\n")
    tx.evidence += rules.match(tx)
    (proposal,) = rules.compose(tx, {})
    assert isinstance(proposal, Proposal)
    assert str(proposal.reply) == "550 5.7.1 Refused by rule A"
    assert proposal.detail == "x"


def test_no_hit_is_of_a_symbol_that_is_not_declared(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, COMPOSITE)
    tx = a_transaction(message="From: a@free.example\n\nurgent")
    tx.evidence += [AuthResult("spf", "fail"), Hit("OUTSIDE"), *rules.match(tx)]
    said = [*rules.match(tx), *rules.compose(tx, {"": 9.0, "FREE": 2.0})]
    symbols = {item.symbol for item in said if isinstance(item, Hit | Proposal)}
    assert symbols <= rules.symbols <= rules.scores.keys()


def test_the_stage_follows_from_what_is_read(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        "[rule.A]\nwhere=['client', 'helo']\nmatch='x'\n[rule.B]\nwhere='subject'\nmatch='x'\n"
        "[rule.C]\nwhen='A and tls'\n[rule.D]\nwhen='A and B'\n[rule.E]\nwhen='score > 3'",
    )
    program = rules.program
    stages = {name: program.lookers[name].stage for name in "AB"}
    stages |= {name: program.composites[name].stage for name in "CDE"}
    assert stages == {
        "A": Stage.HELO,
        "B": Stage.HEADER,
        "C": Stage.HELO,
        "D": Stage.HEADER,
        "E": Stage.EOM,
    }


def test_a_reload_says_what_it_changes(tmp_path: Path) -> None:
    settings = RuleSettings(shipped=False, directory=tmp_path)
    (tmp_path / "some.list").write_text("a.example\n")
    text = (
        "[rule.A]\nwhere='subject'\nmatch='x'\nscore=1\n[rule.B]\nwhere='subject'\nmatch='x'\n"
        "[rule.L]\nwhere='helo'\nlist='some.list'\n"
    )
    old = rules_of(tmp_path, text)
    assert not old.has_changed(settings)
    (tmp_path / "some.list").write_text("a.example\nb.example\n")
    assert old.has_changed(settings)
    new = rules_of(
        tmp_path,
        text.replace("score=1", "score=2.5").replace("[rule.B]", "[rule.C]"),
    )
    assert str(differences(old, new)) == "1 added: C; 1 removed: B; 2 changed: A 1 -> 2.5, L"
    assert str(differences(new, new)) == "nothing changed"


def test_the_shipped_rules_load() -> None:
    rules = load(RuleSettings(directory=Path("/nonexistent")))
    assert rules.symbols


def test_loose_forms_of_the_shipped_rules_match_wherever_these_do() -> None:
    lookers = load(RuleSettings(directory=Path("/nonexistent"))).program.lookers.values()
    texts = [
        example.text.encode()
        for looker in lookers
        for example in looker.rule.hit
        if example.message is None
    ]
    loose = {
        pattern.loose.pattern: pattern
        for looker in lookers
        for pattern in (*looker.patterns, *looker.unless)
        if pattern.loose is not None
    }
    assert len(loose) > 50
    matches = 0
    for pattern in loose.values():
        for text in texts:
            found = pattern.engine.search(text, 0, len(text))
            assert pattern.is_in(text) == found
            matches += found is not None
    assert matches > 100
