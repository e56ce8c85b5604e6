"""A user's hand in a real Dovecot: into Junk is spam, out of it ham, to the bin nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.classify import open_classifier
from filterd.classify.follow import Follower
from filterd.classify.settings import ClassifierSettings
from filterd.classify.spool import Spool
from filterd.core.clock import SystemClock
from filterd.core.labels import Kind
from filterd.mail.message import Message
from tests.classify.mailbox import a_mail
from tests.classify.test_follow import a_learner

HERE = Path(__file__).resolve().parents[2] / "deploy" / "dovecot"
IMAP = Path("/usr/lib/dovecot/imap")
SIEVE = Path("/usr/lib/dovecot/modules/lib95_imap_sieve_plugin.so")
MAIL = a_mail(1, is_spam=True)


def drop(spool: Path, *arguments: str, raw: bytes = MAIL) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(HERE / "filterd-drop"), *arguments],
        input=raw,
        capture_output=True,
        env={"FILTERD_SPOOL": str(spool), "PATH": os.environ["PATH"]},
        timeout=30,
        check=False,
    )


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for name in ("tmp", "new"):
        (tmp_path / "spool" / name).mkdir(parents=True)
    return tmp_path / "spool"


def test_the_program_leaves_the_message_whole_and_returns_at_once(spool: Path) -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        assert drop(spool, "spam", "ann@example.net", raw=MAIL * 100).returncode == 0
        times.append(time.perf_counter() - started)
    assert min(times) < 1.0  # Dovecot gives a program ten seconds
    waiting = Spool(spool).waiting(10, now=4e9)
    assert {(one.said.kind, one.said.user) for one in waiting} == {
        (Kind.SPAM, "ann@example.net")
    }
    assert waiting[0].path.read_bytes() == MAIL * 100
    assert list((spool / "tmp").iterdir()) == []


def test_a_user_name_cannot_leave_the_spool(spool: Path) -> None:
    assert drop(spool, "ham", "../../$(id);x y").returncode == 0
    assert [path.parent for path in (spool / "new").iterdir()] == [spool / "new"]


@pytest.mark.parametrize("arguments", [(), ("eggs", "ann")], ids=["none", "no label"])
def test_wrong_usage_leaves_nothing(spool: Path, arguments: tuple[str, ...]) -> None:
    assert drop(spool, *arguments).returncode == 64
    assert list((spool / "new").iterdir()) == []


def test_a_missing_spool_is_an_error(tmp_path: Path) -> None:
    assert drop(tmp_path / "none", "spam", "ann").returncode != 0


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_both_settings_name_the_same_scripts(version: str) -> None:
    text = (HERE / f"dovecot-{version}.conf").read_text()
    for name in (
        "learn-spam.sieve",
        "learn-ham.sieve",
        "vnd.dovecot.pipe",
        "sieve_pipe_bin_dir",
    ):
        assert name in text


@pytest.fixture
def dovecot() -> Iterator[Path]:
    """A mail user's home with our scripts, owned by whoever runs imap."""
    if not IMAP.exists() or not SIEVE.exists():
        pytest.skip("Dovecot with Sieve (dovecot-imapd, dovecot-sieve) is not installed")
    if (
        b"2.3"
        not in subprocess.run(["dovecot", "--version"], capture_output=True, check=True).stdout
    ):
        pytest.skip("these settings are for Dovecot 2.3")
    # not tmp_path: pytest closes its own folders to others, whenever another run begins
    home = Path(tempfile.mkdtemp(prefix="filterd-dovecot-"))
    for name in ("mail/cur", "mail/new", "mail/tmp", "run", "lib", "spool/tmp", "spool/new"):
        (home / name).mkdir(parents=True)
    for name in ("filterd-drop", "learn-spam.sieve", "learn-ham.sieve"):
        shutil.copy(HERE / name, home / "lib" / name)
    program = home / "lib" / "filterd-drop"
    program.write_text(program.read_text().replace("/var/lib/filterd/classifier", str(home)))
    ours = (HERE / "dovecot-2.3.conf").read_text()
    (home / "dovecot.conf").write_text(
        f"base_dir = {home}/run\nlog_path = {home}/log\nmail_location = maildir:{home}/mail\n"
        "first_valid_uid = 1\nnamespace inbox {\n  inbox = yes\n}\n"
        + ours.replace("/usr/lib/filterd/dovecot", f"{home}/lib")
    )
    if os.getuid() == 0:  # Dovecot serves no mail of root's
        nobody = pwd.getpwnam("nobody")
        for path in (home, *home.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    yield home
    shutil.rmtree(home)


def session(home: Path, *commands: str) -> str:
    """What a real imap process answers; the mail is already in INBOX."""
    lines = "".join(f"a{number} {command}\r\n" for number, command in enumerate(commands))
    done = subprocess.run(
        [str(IMAP), "-c", str(home / "dovecot.conf")],
        input=f"{lines}z LOGOUT\r\n".encode(),
        capture_output=True,
        env={"USER": "ann", "HOME": str(home), "PATH": os.environ["PATH"]},
        user="nobody" if os.getuid() == 0 else None,
        group="nogroup" if os.getuid() == 0 else None,
        extra_groups=[] if os.getuid() == 0 else None,
        timeout=60,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


def put(home: Path, raw: bytes) -> None:
    path = home / "mail" / "new" / "1.x"
    path.write_bytes(raw)
    path.chmod(0o666)


def test_into_junk_is_spam_and_out_of_it_ham(dovecot: Path, tmp_path: Path) -> None:
    put(dovecot, MAIL)
    answer = session(dovecot, "CREATE Junk", "SELECT INBOX", "MOVE 1 Junk")
    assert "a2 OK" in answer, answer
    spool = Spool(dovecot / "spool")
    (waiting,) = spool.waiting(10, now=4e9)
    assert (waiting.said.kind, waiting.said.user) == (Kind.SPAM, "ann")

    learner = a_learner(tmp_path / "state")
    learner.home.spool = dovecot / "spool"
    follower = Follower(learner, SystemClock())
    assert follower.tick() == 1
    classifier = open_classifier(ClassifierSettings(), tmp_path / "state")
    assert classifier is not None
    message = Message.from_bytes(MAIL)
    opinion = classifier.classify(message)
    assert opinion is not None
    assert opinion.points > 0

    answer = session(dovecot, "SELECT Junk", "MOVE 1 INBOX")
    assert "a1 OK" in answer, answer
    assert follower.tick() == 1
    opinion = classifier.classify(message)
    assert opinion is not None
    assert opinion.points < 0


@pytest.mark.parametrize("script", ["learn-spam.sieve", "learn-ham.sieve"])
def test_sievec_compiles_the_scripts_with_our_settings(dovecot: Path, script: str) -> None:
    source = dovecot / "lib" / script
    done = subprocess.run(
        ["sievec", "-c", str(dovecot / "dovecot.conf"), str(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert source.with_suffix(".svbin").stat().st_size > 0


def test_from_junk_to_the_bin_says_nothing(dovecot: Path) -> None:
    put(dovecot, MAIL)
    session(dovecot, "CREATE Junk", "CREATE Trash", "SELECT INBOX", "MOVE 1 Junk")
    for path in (dovecot / "spool" / "new").iterdir():
        path.unlink()
    answer = session(dovecot, "SELECT Junk", "MOVE 1 Trash")
    assert "a1 OK" in answer, answer
    assert list((dovecot / "spool" / "new").iterdir()) == []


def test_a_user_can_move_mail_even_when_nothing_can_be_learned(dovecot: Path) -> None:
    put(dovecot, MAIL)
    shutil.rmtree(dovecot / "spool")
    answer = session(dovecot, "CREATE Junk", "SELECT INBOX", "MOVE 1 Junk")
    assert "a2 OK" in answer, answer
