from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from filterd.config.listen import Socket
from filterd.frontends.cli.mta.change import WireError, write
from filterd.frontends.cli.mta.sendmail import BEGIN, END, build, line, plan, undo
from tests.support.shared import ROOT

OURS = (Socket(host="127.0.0.1", port=8895),)
HEAD = b"divert(0)dnl\nOSTYPE(`linux')dnl\n"
MAILERS = b"MAILER(`local')dnl\nMAILER(`smtp')dnl\n"


@pytest.fixture(scope="module")
def macros() -> Path:
    """Sendmail's macros, those of the package that deploy/test unpacks included; m4 is on the PATH."""
    for root in (Path("/"), ROOT / ".state" / "sendmail"):
        folder = root / "usr/share/sendmail/cf"
        if (folder / "m4/cf.m4").exists():
            return folder
    pytest.skip("sendmail-cf is not installed")


@pytest.fixture(autouse=True)
def with_m4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{ROOT}/.state/sendmail/usr/bin")
    if shutil.which("m4") is None:
        pytest.skip("m4 is not installed")


@pytest.fixture
def mc(tmp_path: Path, macros: Path) -> Path:
    path = tmp_path / "sendmail.mc"
    path.write_bytes(HEAD + MAILERS)
    (tmp_path / "sendmail.cf").write_bytes(build(path.read_bytes(), tmp_path, macros))
    return path


def applied(mc: Path, macros: Path, action: str = "tempfail") -> str:
    change = plan(mc, mc.with_suffix(".cf"), OURS, action, macros)
    for file in change.files:
        write(file.path, file.after)
    return mc.with_suffix(".cf").read_text()


@pytest.mark.parametrize(("action", "flag"), [("tempfail", "F=T"), ("reject", "F=R")])
def test_the_filter_is_in_the_cf(mc: Path, macros: Path, action: str, flag: str) -> None:
    cf = applied(mc, macros, action)
    assert f"Xfilterd, S=inet:8895@127.0.0.1, {flag}, T=" in cf
    assert "O InputMailFilters=filterd" in cf
    assert plan(mc, mc.with_suffix(".cf"), OURS, action, macros).is_empty


def test_ours_comes_first_and_theirs_stays(mc: Path, macros: Path) -> None:
    other = b"INPUT_MAIL_FILTER(`opendkim', `S=inet:8891@127.0.0.1')dnl\n"
    mc.write_bytes(HEAD + other + MAILERS)
    assert "O InputMailFilters=filterd,opendkim" in applied(mc, macros).replace(", ", ",")


def test_an_order_of_ones_own_gets_our_name(mc: Path, macros: Path) -> None:
    order = (
        b"MAIL_FILTER(`a', `S=inet:1@127.0.0.1')dnl\ndefine(`confINPUT_MAIL_FILTERS', `a')dnl\n"
    )
    mc.write_bytes(HEAD + order + MAILERS)
    before = mc.read_bytes()
    change = plan(mc, mc.with_suffix(".cf"), OURS, "tempfail", macros)
    cf = applied(mc, macros)
    assert "O InputMailFilters=filterd, a" in cf
    assert undo(change, macros) == []
    assert mc.read_bytes() == before


def test_undo_takes_out_our_lines_where_others_changed(mc: Path, macros: Path) -> None:
    before = mc.read_bytes()
    change = plan(mc, mc.with_suffix(".cf"), OURS, "tempfail", macros)
    applied(mc, macros)
    mc.write_bytes(mc.read_bytes() + b"dnl mine\n")
    [said] = undo(change, macros)
    assert "changed since" in said
    assert mc.read_bytes() == before + b"dnl mine\n"
    assert "filterd" not in mc.with_suffix(".cf").read_text()


def test_what_m4_cannot_make_is_said(tmp_path: Path, macros: Path) -> None:
    with pytest.raises(WireError, match="made no sendmail"):
        build(b"define(`open", tmp_path, macros)
    with pytest.raises(WireError, match="there is no"):
        plan(tmp_path / "none.mc", tmp_path / "x.cf", OURS, "tempfail")


def test_the_markers_are_comments_of_m4() -> None:
    assert BEGIN.startswith("dnl ")
    assert END.startswith("dnl ")
    assert line(OURS[0], "accept").startswith(
        "INPUT_MAIL_FILTER(`filterd', `S=inet:8895@127.0.0.1, T="
    )
