"""postfix - a private Postfix on loopback: own configuration, queue, data and log, gone afterwards.

Owns:   PrivatePostfix; what its main.cf and master.cf say.
Not here: the last hop (sink.py), sending (smtplib), what the milter does.

Nothing of the system's Postfix is read or written but its programs: every command carries `-c FOLDER`,
the queue lies beside that folder, and no DNS question is asked. Needs root, as Postfix itself does,
because its daemons change to the user `postfix`. Standard library only; used by the demo and by the tests
(tests import it from here, so that nothing an operator runs depends on the test tree).
"""

from __future__ import annotations

import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.running import Running

SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND_SECONDS = 30.0

# Daemons of a mail hub, no local delivery. {c} is "y" where the test wants chroot, as Debian does.
SERVICES = """\
pickup    unix  n       -       {c}       1       1       pickup
cleanup   unix  n       -       {c}       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
rewrite   unix  -       -       {c}       -       -       trivial-rewrite
bounce    unix  -       -       {c}       -       0       bounce
defer     unix  -       -       {c}       -       0       bounce
trace     unix  -       -       {c}       -       0       bounce
verify    unix  -       -       {c}       -       1       verify
flush     unix  n       -       {c}       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       {c}       -       -       smtp
relay     unix  -       -       {c}       -       -       smtp
showq     unix  n       -       {c}       -       -       showq
error     unix  -       -       {c}       -       -       error
retry     unix  -       -       {c}       -       -       error
discard   unix  -       -       {c}       -       -       discard
anvil     unix  -       -       {c}       -       1       anvil
scache    unix  -       -       {c}       -       1       scache
tlsmgr    unix  -       -       {c}       1000?   1       tlsmgr
postlog   unix-dgram n  -       n       -       1       postlogd
"""
CHROOT_FILES = ("hosts", "services", "nsswitch.conf", "resolv.conf", "localtime")


class MtaUnavailableError(RuntimeError):
    """This machine cannot run the MTA: the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Queued:
    """One line of the mail queue."""

    queue: str  # incoming, active, deferred, hold
    queue_id: str
    reverse_path: str
    recipients: tuple[str, ...]
    reasons: tuple[str, ...]


class PrivatePostfix(Running):
    """A Postfix that accepts mail for every domain on loopback and relays it to `next_hop`.

    `milters` are smtpd_milters entries as main.cf takes them; `main` adds or replaces main.cf parameters.
    `port` is the border (XCLIENT allowed, so that a client address can be pretended), `submission_port`
    the same with {daemon_name} SUBMISSION. Both are free ports chosen at construction and kept over
    restarts.
    """

    def __init__(
        self,
        next_hop: int,
        *,
        milters: Sequence[str] = (),
        non_smtpd_milters: Sequence[str] = (),
        default_action: str = "tempfail",
        chroot: bool = False,
        main: Mapping[str, str] | None = None,
        name: str = "mx.example.net",
    ) -> None:
        self._account = postfix_account()
        # Not below a test's own folder: that one is closed to the user postfix, and a path to a UNIX
        # socket may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="filterd-postfix-"))
        self.config_folder = self.folder / "etc"
        self.queue_folder = self.folder / "queue"
        self.log_file = self.folder / "log" / "mail.log"
        self.port, self.submission_port = free_ports(2)
        self._chroot = chroot
        self._master: subprocess.Popen[bytes] | None = None
        self._main = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue_folder),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.log_file),
            "maillog_file_prefixes": str(self.folder / "log"),
            "multi_instance_enable": "no",
            "myhostname": name,
            "mydomain": name.partition(".")[2],
            "mydestination": "",
            "mynetworks": "127.0.0.0/8 [::1]/128",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "relay_domains": "static:all",
            "relay_transport": f"relay:[127.0.0.1]:{next_hop}",
            "default_transport": f"smtp:[127.0.0.1]:{next_hop}",
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "smtpd_authorized_xforward_hosts": "127.0.0.1",
            "smtpd_client_event_limit_exceptions": "static:all",
            "smtpd_error_sleep_time": "0",
            "smtpd_soft_error_limit": "1000",
            "smtpd_hard_error_limit": "1000",
            "smtpd_tls_security_level": "none",
            "smtp_tls_security_level": "none",
            "in_flow_delay": "0",
            "message_size_limit": "52428800",
            "header_size_limit": "102400",
            # a retry of deferred mail after a second, not after five minutes
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "smtp_connect_timeout": "5s",
            # a daemon that was killed comes back after a second, not after a minute
            "service_throttle_time": "1s",
            "smtpd_milters": " ".join(milters),
            "non_smtpd_milters": " ".join(non_smtpd_milters),
            "milter_default_action": default_action,
            "milter_protocol": "6",
            **(main or {}),
        }

    # -- life

    def start(self) -> None:
        """Write the configuration, start master(8), return when both ports answer with a banner."""
        if self._master is not None:
            raise RuntimeError("already started")
        is_new = not self.config_folder.exists()
        self._write()
        if is_new:
            self._run("postfix", "check")  # makes the queue's folders
        master = Path(self._run("postconf", "-h", "daemon_directory").strip()) / "master"
        with (self.folder / "log" / "master.out").open("ab") as output:
            self._master = subprocess.Popen(
                [str(master), "-c", str(self.config_folder), "-d"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                start_new_session=True,
            )
        wait_until(
            lambda: self._greets(self.port) and self._greets(self.submission_port),
            20.0,
            "Postfix's banner",
        )

    def stop(self) -> None:
        """End all daemons, the orderly way; the queue stays for another `start`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to master and every daemon at once, as a machine that loses power."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Read main.cf and master.cf again, as `postfix reload`."""
        self._write()
        self._run("postfix", "reload")

    def close(self) -> None:
        """End everything and remove all files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- looking inside

    def set(self, **parameters: str) -> None:
        """Change main.cf parameters; takes effect at the next `start` or `reload`."""
        self._main.update(parameters)

    def log(self) -> str:
        """Everything logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def queue(self) -> list[Queued]:
        """The messages in the queue, whatever their state."""
        lines = self._run("postqueue", "-j").splitlines()
        return [_queued(json.loads(line)) for line in lines if line.strip()]

    def pids(self, daemon: str) -> list[int]:
        """Process ids of this instance's daemons of that program name (`smtpd`, `cleanup`, ...)."""
        if self._master is None:
            return []
        return [
            pid
            for pid, parent, name in _processes()
            if parent == self._master.pid and name == daemon
        ]

    def kill_daemons(self, daemon: str) -> int:
        """SIGKILL every daemon of that name; how many there were."""
        pids = self.pids(daemon)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    # -- queue work

    def flush(self) -> None:
        """Try everything deferred now."""
        self._run("postqueue", "-f")

    def release(self, queue_id: str) -> None:
        """Let a message out of the hold queue."""
        self._run("postsuper", "-H", queue_id)

    def content(self, queue_id: str) -> str:
        """Header and body of a queued message."""
        return self._run("postcat", "-qhb", queue_id)

    def submit(self, content: bytes, reverse_path: str, *recipients: str) -> None:
        """Hand in a message as a local user does with sendmail(1): pickup, cleanup, non_smtpd_milters."""
        command = [
            _program("sendmail"),
            "-C",
            str(self.config_folder),
            "-i",
            "-f",
            reverse_path,
        ]
        subprocess.run(
            [*command, "--", *recipients],
            input=content,
            check=True,
            timeout=COMMAND_SECONDS,
            env=self._environment(),
            capture_output=True,
        )

    # -- inside

    def _write(self) -> None:
        for name, owned in (("etc", False), ("queue", False), ("data", True), ("log", True)):
            part = self.folder / name
            part.mkdir(exist_ok=True)
            if owned:
                os.chown(part, self._account.pw_uid, self._account.pw_gid)
        self.folder.chmod(0o755)
        lines = [f"{key} = {text}\n" for key, text in self._main.items()]
        (self.config_folder / "main.cf").write_text("".join(lines))
        chroot = "y" if self._chroot else "n"
        smtpd = f"n       -       {chroot}       -       -       smtpd\n"
        (self.config_folder / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet {smtpd}"
            f"127.0.0.1:{self.submission_port} inet {smtpd}"
            "    -o milter_macro_daemon_name=SUBMISSION\n"
            "    -o syslog_name=postfix/submission\n" + SERVICES.replace("{c}", chroot)
        )
        for file in self.config_folder.iterdir():
            os.utime(file, (1, 1))  # Postfix sleeps for up to 2 s over a file younger than that
        if self._chroot:
            (self.queue_folder / "etc").mkdir(exist_ok=True)
            for name in CHROOT_FILES:
                source = Path("/etc") / name
                if source.exists():
                    shutil.copyfile(source, self.queue_folder / "etc" / name)

    def _environment(self) -> dict[str, str]:
        return {"PATH": SBIN, "MAIL_CONFIG": str(self.config_folder), "LC_ALL": "C.UTF-8"}

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [_program(program), "-c", str(self.config_folder), *arguments],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            env=self._environment(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stderr or self.log()}")
        return done.stdout

    def _greets(self, port: int) -> bool:
        if self._master is not None and self._master.poll() is not None:
            output = (self.folder / "log" / "master.out").read_text(errors="replace")
            raise RuntimeError(f"Postfix did not start: {output}{self.log()}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                return client.recv(64).startswith(b"220")
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        master, self._master = self._master, None
        if master is None:
            return
        try:
            os.killpg(master.pid, how)
        except ProcessLookupError:
            pass
        try:
            master.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(master.pid, signal.SIGKILL)
            master.wait(10)
        wait_until(
            lambda: not any(_group(pid) == master.pid for pid, _, _ in _processes()),
            10.0,
            "the end of Postfix's daemons",
        )


def postfix_account() -> pwd.struct_passwd:
    """The account of Postfix's daemons; MtaUnavailableError if this machine or user cannot run one."""
    for program in ("postfix", "postconf", "postqueue"):
        _program(program)
    if os.geteuid() != 0:
        raise MtaUnavailableError("Postfix must be started by root")
    return pwd.getpwnam("postfix")


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that were free a moment ago, all different.

    Taken below the range from which the kernel gives clients theirs (32768 and up), so that no connection
    of somebody else sits on one before it is used.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_240, 32_768)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        if port not in found:
            found.append(port)
    return found


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as the condition holds; TimeoutError, saying what was awaited, at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


def _program(name: str) -> str:
    path = shutil.which(name, path=SBIN)
    if path is None:
        raise MtaUnavailableError(f"{name}: not installed (apt-get install postfix)")
    return path


def _queued(entry: Mapping[str, object]) -> Queued:
    recipients = entry["recipients"]
    assert isinstance(recipients, list)
    return Queued(
        queue=str(entry["queue_name"]),
        queue_id=str(entry["queue_id"]),
        reverse_path=str(entry["sender"]),
        recipients=tuple(str(one["address"]) for one in recipients),
        reasons=tuple(str(one.get("delay_reason", "")) for one in recipients),
    )


def _processes() -> Iterator[tuple[int, int, str]]:
    """(pid, parent, program name) of every process that is not a zombie."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        name = text[text.index("(") + 1 : text.rindex(")")]
        state, parent, *_ = text[text.rindex(")") + 2 :].split()
        if state != "Z":
            yield int(folder.name), int(parent), name


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
