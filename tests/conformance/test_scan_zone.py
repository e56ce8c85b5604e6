"""What a suite of strangers would ask of `filterd scan --zone --json`: one zone, many messages, each result.

The letter of each RFC is tested where it is obeyed; here it has to come out at the other end of the program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from filterd.app import App
from filterd.frontends.cli.main import run
from tests.auth.test_arc import FAILED, PASSED, sealed
from tests.support.signing import crafted, ed25519_record, rsa_record, signed

CLIENT, HELO, PATH = "192.0.2.1", "mail.example.org", "joe@example.org"
ZONE = f"""
$ORIGIN example.org.
@                     TXT    "v=spf1 a:mail.example.org -all"
mail                  A      {CLIENT}
mail                  TXT    "v=spf1 a -all"
_dmarc                TXT    v=DMARC1; p=reject; np=quarantine ; everything below too
s._domainkey          TXT    ( "{rsa_record()[:200]}" ; in two strings
                               "{rsa_record()[200:]}" )
e._domainkey          TXT    {ed25519_record()}
revoked._domainkey    TXT    v=DKIM1; p=
alias._domainkey      CNAME  s._domainkey
down._domainkey       SERVFAIL
slow._domainkey       TIMEOUT TXT
test._domainkey       TXT    "{rsa_record(tags="v=DKIM1; t=y; ")}"
strict._domainkey     TXT    "{rsa_record(tags="v=DKIM1; t=s; ")}"
there                 A      192.0.2.9
*.wild                A      192.0.2.9
1.2.0.192.in-addr.arpa. PTR  mail
$ORIGIN .
s._domainkey.other.example   TXT {rsa_record()}
_dmarc.other.example         TXT v=DMARC1; p=none
_dmarc.bank.example          TXT v=DMARC1; p=reject; sp=quarantine; psd=y
_dmarc.two.example           TXT v=DMARC1; p=reject
_dmarc.two.example           TXT v=DMARC1; p=none
_dmarc.mild.example          TXT v=DMARC1; p=reject; t=y
_dmarc.broken.example        SERVFAIL
s._domainkey.hop1.example    TXT {rsa_record()}
s._domainkey.hop2.example    TXT {rsa_record()}
xn--bcher-kva.example        NODATA
_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=quarantine
"""
TAGS = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from:to:subject"


def by(author: str, body: str = "Hello\r\n") -> bytes:
    return (
        f"From: {author}\r\nTo: ann@example.net\r\nSubject: minutes\r\n"
        f"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\n{body}"
    ).encode()


MAIL = by("joe@example.org")
CHAIN = sealed(("hop1.example", PASSED), ("hop2.example", FAILED))

# What the message is -> method -> result, or result and policy.
CASES: Mapping[str, tuple[bytes, dict[str, str]]] = {
    "unsigned": (MAIL, {"dkim": "none", "arc": "none", "dmarc": "pass reject"}),
    "rsa": (signed(MAIL), {"dkim": "pass"}),
    "ed25519": (signed(MAIL, algorithm="ed25519-sha256", selector="e"), {"dkim": "pass"}),
    "alias": (signed(MAIL, selector="alias"), {"dkim": "pass"}),
    "test": (signed(MAIL, selector="test"), {"dkim": "pass"}),
    "strict": (crafted(MAIL, TAGS.replace("s=s", "s=strict") + "; i=@a.example.org"), {"dkim": "permerror"}),
    "revoked": (signed(MAIL, selector="revoked"), {"dkim": "permerror"}),
    "no-key": (signed(MAIL, selector="none"), {"dkim": "permerror"}),
    "key-servfail": (signed(MAIL, selector="down"), {"dkim": "temperror"}),
    "key-timeout": (signed(MAIL, selector="slow"), {"dkim": "temperror"}),
    "body-changed": (signed(MAIL).replace(b"Hello", b"Hallo"), {"dkim": "fail"}),
    "subject-changed": (signed(MAIL).replace(b"minutes", b"hours"), {"dkim": "fail"}),
    "expired": (crafted(MAIL, TAGS + "; t=1000000000; x=1000000001"), {"dkim": "fail"}),
    "partial": (crafted(MAIL, TAGS + "; l=2"), {"dkim": "pass"}),
    "sha1": (crafted(MAIL, TAGS.replace("sha256", "sha1")), {"dkim": "permerror"}),
    "file-with-lf": (signed(MAIL).replace(b"\r\n", b"\n"), {"dkim": "pass"}),
    "chain": (CHAIN, {"arc": "pass"}),
    "chain-body": (CHAIN.replace(b"Hello", b"Hallo"), {"arc": "fail"}),
    "chain-gap": (CHAIN.replace(b"i=1", b"i=3"), {"arc": "fail"}),
    "foreign-author": (signed(by("joe@other.example")), {"dmarc": "fail none"}),
    "foreign-author-signed": (signed(by("joe@other.example"), domain="other.example"), {"dmarc": "pass none"}),
    "subdomain": (by("joe@there.example.org"), {"dmarc": "pass reject"}),
    "subdomain-of-psd": (by("joe@one.bank.example"), {"dmarc": "fail quarantine"}),
    "psd-itself": (by("joe@bank.example"), {"dmarc": "fail reject"}),
    "two-records": (by("joe@two.example"), {"dmarc": "none"}),
    "test-mode": (by("joe@mild.example"), {"dmarc": "fail quarantine"}),
    "dns-down": (by("joe@broken.example"), {"dmarc": "temperror"}),
    "unicode-author": (by("joe@b\u00fccher.example"), {"dmarc": "fail quarantine"}),
    "encoded-author": (by("joe@XN--BCHER-KVA.example"), {"dmarc": "fail quarantine"}),
    "two-authors": (by("joe@example.org, jim@other.example"), {"dmarc": "fail none"}),
    "two-fields": (b"From: jim@example.org\r\n" + MAIL, {"dmarc": "permerror reject"}),
    "no-author": (MAIL.partition(b"\r\n")[2], {"dmarc": "permerror"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, str]]:
    """Each message's results as the program prints them, all of one run."""
    folder = tmp_path_factory.mktemp("scan")
    (folder / "zone").write_text(ZONE, "utf-8")
    for name, (raw, _) in CASES.items():
        (folder / f"{name}.eml").write_bytes(raw)
    envelope = ["--client", CLIENT, "--helo", HELO, "--from", PATH, "--to", "ann@example.net"]
    files = [str(folder / f"{name}.eml") for name in CASES]
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(
            "filterd.frontends.cli.scan.print_json", lambda v: lines.append(json.dumps(v))
        )
        run(App, ["scan", "--json", "--zone", str(folder / "zone"), *envelope, *files])
    return {Path(one["file"]).stem: results(one) for one in map(json.loads, lines)}


def results(verdict: dict[str, list[dict[str, str | dict[str, str]]]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in verdict["auth_results"]:
        properties = one["properties"]
        assert isinstance(properties, dict)
        key = "helo" if "smtp.helo" in properties else str(one["method"])
        policy = properties.get("policy.dmarc", "")
        found[key] = f"{one['result']} {policy}".strip()
    return found


@pytest.mark.parametrize("name", CASES)
def test_results_of_a_message(told: Mapping[str, dict[str, str]], name: str) -> None:
    expected = {"iprev": "pass", "spf": "pass", "helo": "pass", **CASES[name][1]}
    assert {key: told[name].get(key) for key in expected} == expected
