"""sendmail - a private Sendmail on loopback, from a package that was unpacked beside Postfix.

Owns:   PrivateSendmail; its .mc file; where the unpacked package is.
Not here: unpacking (deploy/test), the last hop (deploy/demo/sink.py).

Debian's sendmail-bin conflicts with postfix, so `deploy/test` unpacks it into `.state/sendmail` and
nothing of it is installed. Every path of the configuration points into the
test's own folder. Needs root, as Sendmail's daemon does. There is no XCLIENT here: a client is 127.x.y.z.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from deploy.demo.postfix import MtaUnavailableError, Queued, free_ports, wait_until
from deploy.demo.running import Running
from tests.support.shared import ROOT

COMMAND_SECONDS = 30.0
GREETING_SECONDS = 100.0  # it sleeps 60 s where the machine's own name has no dot; see named()

CONFIGURATION = """\
divert(0)dnl
VERSIONID(`filterd stories')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{name}')dnl
define(`confPID_FILE', `{folder}/sendmail.pid')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`MSP_QUEUE_DIR', `{folder}/queue')dnl
define(`ALIAS_FILE', `{folder}/aliases')dnl
define(`HELP_FILE', `{folder}/helpfile')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')dnl
define(`confHOSTS_FILE', `/etc/hosts')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confTO_ICONNECT', `5s')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confTRY_NULL_MX_LIST', `True')dnl
define(`confLOG_LEVEL', `9')dnl
define(`confDONT_BLAME_SENDMAIL', `{unsafe}')dnl
define(`confMILTER_MACROS_CONNECT', ``j, _, {{daemon_name}}, {{if_name}}, {{if_addr}}'')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {next_hop}')dnl
FEATURE(`nocanonify')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
{filters}
MAILER(`smtp')dnl
"""
# The test's folder lies below /tmp, which everyone may write to: Sendmail would refuse it.
UNSAFE = (
    "AssumeSafeChown,GroupWritableDirPathSafe,HelpFileInUnsafeDirPath,LinkedServiceSwitchFileInWritableDir,"
    "MapInUnsafeDirPath,DontWarnForwardFileInUnsafeDirPath,RunProgramInUnsafeDirPath"
)


class PrivateSendmail(Running):
    """A Sendmail on a free loopback port that relays everything to `next_hop`.

    `filters` are the equates of INPUT_MAIL_FILTER lines, one string each, such as
    `S=inet:8895@127.0.0.1, F=T, T=C:5s;S:10s;R:20s;E:30s`.
    """

    def __init__(
        self, next_hop: int, *, filters: Sequence[str] = (), name: str = "mx.example.net"
    ) -> None:
        self._root = sendmail_root()
        self.folder = Path(tempfile.mkdtemp(prefix="filterd-sendmail-"))
        (self.port,) = free_ports(1)
        self.log_file = self.folder / "mail.log"
        self._next_hop = next_hop
        self._filters = filters
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make sendmail.cf by m4, start the daemon, return when it greets."""
        if not (self.folder / "sendmail.cf").exists():
            self._write()
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [*named(self._name), *self._command("-bD", "-q1s")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_until(self._greets, GREETING_SECONDS, "Sendmail's banner")
        except TimeoutError as error:
            raise RuntimeError(f"{error}:\n{self.log()}") from None

    def stop(self) -> None:
        """End the daemon and its children; the queue stays for another `start`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the daemon and all its children."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End everything and remove all files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What the daemon printed, and both sides of every SMTP dialogue."""
        files = (self.log_file, self.folder / "dialogue.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def queue(self) -> list[Queued]:
        """The messages in the queue: `hold` for quarantined, `deferred` for the others."""
        found = []
        for kind, queue in (("qf", "deferred"), ("hf", "hold")):
            for file in sorted((self.folder / "queue").glob(f"{kind}*")):
                lines = file.read_text(errors="replace").splitlines()
                found.append(
                    Queued(
                        queue=queue,
                        queue_id=file.name[2:],
                        reverse_path=next((ln[1:] for ln in lines if ln[:1] == "S"), ""),
                        recipients=tuple(ln.partition(":")[2] for ln in lines if ln[:1] == "R"),
                        reasons=tuple(ln[1:] for ln in lines if ln[:1] in {"M", "q"}),
                    )
                )
        return found

    def _write(self) -> None:
        (self.folder / "queue").mkdir(mode=0o700)
        self.folder.chmod(0o755)
        (self.folder / "aliases").write_text("")
        (self.folder / "helpfile").write_text("")
        (self.folder / "service.switch").write_text(
            "hosts files\naliases files\npasswd files\n"
        )
        filters = "\n".join(
            f"INPUT_MAIL_FILTER(`filter{index}', `{equates}')dnl"
            for index, equates in enumerate(self._filters)
        )
        text = CONFIGURATION.format(
            name=self._name,
            folder=self.folder,
            port=self.port,
            next_hop=self._next_hop,
            filters=filters,
            unsafe=UNSAFE,
        )
        source = self.folder / "sendmail.mc"
        source.write_text(text)
        macros = self._root / "usr/share/sendmail/cf"
        done = subprocess.run(
            [_m4(self._root), f"-D_CF_DIR_={macros}/", str(macros / "m4/cf.m4"), str(source)],
            check=True,
            capture_output=True,
            timeout=COMMAND_SECONDS,
        )
        (self.folder / "sendmail.cf").write_bytes(done.stdout)

    def _command(self, *options: str) -> list[str]:
        binary = self._root / "usr/libexec/sendmail/sendmail"
        transcript = f"-X{self.folder}/dialogue.log"
        return [str(binary), f"-C{self.folder}/sendmail.cf", transcript, *options]

    def _greets(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Sendmail did not start: {self.log()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                return client.recv(64).startswith(b"220")
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def sendmail_root() -> Path:
    """The unpacked package; MtaUnavailableError if it is not there or the user is not root."""
    root = ROOT / ".state" / "sendmail"
    if not (root / "usr/libexec/sendmail/sendmail").exists():
        raise MtaUnavailableError(f"no Sendmail in {root} (deploy/test unpacks one)")
    if os.geteuid() != 0:
        raise MtaUnavailableError("Sendmail must be started by root")
    return root


@cache
def named(name: str) -> tuple[str, ...]:
    """Command words that give what follows that host name, in a UTS namespace of its own.

    Sendmail sleeps for a minute, before it reads its configuration, on a machine whose own name has no
    dot. Where namespaces are forbidden (most containers) nothing is prefixed, and it sleeps.
    """
    words = ("unshare", "--uts", "--", "sh", "-c", f'hostname {name} && exec "$@"', "sh")
    try:
        done = subprocess.run([*words, "true"], check=False, capture_output=True, timeout=10)
    except OSError:
        return ()
    return words if done.returncode == 0 else ()


def _m4(root: Path) -> str:
    return shutil.which("m4") or str(root / "usr/bin/m4")
