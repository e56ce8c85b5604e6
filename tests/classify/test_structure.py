"""Words for the build of a message."""

from __future__ import annotations

import pytest

from filterd.classify.source import read
from filterd.classify.structure import bucket, order, shape, spell
from filterd.mail.message import Message
from tests.support.builders import a_message


def built(raw: str) -> set[str]:
    return set(map(spell, shape(read(a_message(raw)))))


HTML = "Content-Type: text/html\n\n<html><body>{}</body></html>\n"

CASES = {
    "a brand writes from its own domain": (
        'From: "Reliable Parts" <offers@reliableparts.example>\n\nhi\n',
        {"name in domain True", "name joined in domain True"},
    ),
    "a borrowed name does not": (
        'From: "Costco Giveaway" <gift@tabupgrade.cfd>\n\nhi\n',
        {"name in domain False", "domain tld cfd"},
    ),
    "a reply goes elsewhere": (
        "From: a@b.example\nReply-To: c@mail.example\n\nhi\n",
        {"reply-to other"},
    ),
    "a reply goes to the same site": (
        "From: a@b.example\nReply-To: c@www.b.example\n\nhi\n",
        {"reply-to same"},
    ),
    "signed by the author's site": (
        "From: a@mail.b.example\nDKIM-Signature: v=1; a=rsa-sha256; d=b.example;\n s=x; b=YQ==\n\nhi\n",
        {"signature aligned", "signatures 1"},
    ),
    "signed by another": (
        "From: a@b.example\nDKIM-Signature: v=1; d=esp.example; s=x\n\nhi\n",
        {"signature other"},
    ),
    "links to its own site only": (
        "From: a@b.example\n" + HTML.format('<a href="https://www.b.example/x">x</a>'),
        {"link own True True", "link schemes False True", "link sites 1"},
    ),
    "links without TLS": (
        "From: a@b.example\n" + HTML.format('<a href="http://c.example/x?y=1">x</a>'),
        {"link own False False", "link schemes True False", "path html 1 2 2"},
    ),
    "nobody is addressed": (
        "From: a@b.example\nTo: undisclosed-recipients:;\n\nhi\n",
        {"to undisclosed"},
    ),
    "no author at all": ("Subject: x\n\nhi\n", {"domain none", "name empty True"}),
    "a loud subject": (
        "Subject: BUY NOW!!\n\nhi\n",
        {"subject ! 2", "subject capitals 6", "subject end !"},
    ),
    "a Message-ID by a program": (
        "Message-ID: <20261121.ABC-12@mx.b.example>\n\nhi\n",
        {"id class 9.X-9", "id marks -.", "id brackets True True"},
    ),
}


@pytest.mark.parametrize(("raw", "expected"), CASES.values(), ids=CASES)
def test_shape(raw: str, expected: set[str]) -> None:
    assert expected <= built(raw)


@pytest.mark.parametrize(
    ("body", "size", "longest"),
    [
        ("", 0, 0),
        ("\n", 1, 0),
        ("four\nseven c\n", 4, 3),
        ("four\r\nseven c\r\n", 4, 3),  # as CRLF it is no other message
        ("x" * 63 + "\r\n", 7, 6),
        ("a\rb\rc\n" + "y" * 9, 4, 4),
        ("z" * 120_000, 17, 17),  # the longest line is looked for near the top
        ("z" * 90_000 + "\n" + "z" * 120_000 + "\r" * 60_000, 18, 17),
    ],
    ids=["none", "empty line", "lf", "crlf", "edge", "stray", "long", "beyond the top"],
)
def test_sizes_do_not_depend_on_line_ends(body: str, size: int, longest: int) -> None:
    message = Message.from_bytes(b"From: a@b.example\n\n" + body.encode())
    words = set(map(spell, shape(read(message))))
    assert {f"body size {size}", f"longest line {longest}"} <= words


def test_a_count_of_none_is_no_word() -> None:
    assert not {
        word for word in built("From: a@b.example\nSubject: hi\n\nhi\n") if word.endswith("! 0")
    }


def test_buckets_are_powers_of_two() -> None:
    assert [bucket(n) for n in (0, 1, 2, 3, 4, 7, 8)] == [0, 1, 2, 2, 3, 3, 4]


def test_order_leaves_out_what_the_way_added() -> None:
    raw = (
        "Received: x\nDKIM-Signature: d=a\nX-Unheard-Of: 1\nFrom: a@b.example\n"
        "List-Id: <l.example>\nSUBJECT: hi\nX-Mailer: y\n\nhi\n"
    )
    assert list(map(spell, order(read(a_message(raw))))) == [
        "spelling From",
        "spelling SUBJECT",
        "spelling X-Mailer",
        "order ^ > from",
        "order from > subject",
        "order subject > x-mailer",
        "order x-mailer > $",
    ]
