"""postfix - what a Postfix instance is set to, and how filterd is put into it.

Owns:   Postfix (through postconf, which alone knows all of main.cf and master.cf), the plan of wiring.
Facts: smtpd(8) and cleanup(8) change to the queue directory and, where master.cf says so, are chrooted
        there; a relative unix path therefore holds for both. `{ ... }` gives a milter settings of its own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filterd.config.listen import Socket
from filterd.frontends.cli.mta.change import FileChange, Plan, WireError, read, write

COMMAND_SECONDS = 60
LISTS = ("smtpd_milters", "non_smtpd_milters")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf."""

    name: str
    kind: str  # "inet", "unix", ...
    command: str
    is_chrooted: bool

    @property
    def key(self) -> str:
        return f"{self.name}/{self.kind}"


class Postfix:
    """One instance, by its configuration directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=COMMAND_SECONDS,
                check=False,
                env={"PATH": _PATH, "LC_ALL": "C"},
            )
        except FileNotFoundError:
            raise WireError(
                f"there is no {command[0]}: Postfix is not installed here"
            ) from None
        except subprocess.TimeoutExpired:
            raise WireError(f"{command[0]} did not end within {COMMAND_SECONDS} s") from None
        if check and done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise WireError(f"{' '.join(command[:4])}: {said[-1] if said else done.returncode}")
        return done

    def postconf(self, *arguments: str) -> str:
        """What postconf says of this instance."""
        return self._run("postconf", "-c", str(self.folder), *arguments).stdout

    def value(self, name: str) -> str:
        """The parameter in force, with its own references expanded."""
        return self.postconf("-hx", name).strip()

    def written(self, name: str) -> str | None:
        """The parameter as main.cf has it; None where it is not set there."""
        lines = self.postconf("-n", name).splitlines()
        return lines[0].partition("=")[2].strip() if lines else None

    @cached_property
    def version(self) -> tuple[int, ...]:
        return tuple(int(n) for n in re.findall(r"\d+", self.value("mail_version"))[:2])

    @cached_property
    def queue_directory(self) -> Path:
        return Path(self.value("queue_directory"))

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """All lines of master.cf; an unset chroot field means what the compatibility level says."""
        level = self.value("compatibility_level")
        default = "n" if re.match(r"[1-9]", level) else "y"
        found = []
        for line in self.postconf("-M").splitlines():
            fields = line.split()
            if len(fields) >= 8:
                chroot = default if fields[4] == "-" else fields[4]
                found.append(Service(fields[0], fields[1], fields[7], chroot == "y"))
        return tuple(found)

    def override(self, service: Service, parameter: str) -> str | None:
        """What master.cf says for that service with -o; None where it says nothing."""
        lines = self.postconf("-P", f"{service.key}/{parameter}").splitlines()
        return lines[0].partition("=")[2].strip() if lines else None

    @property
    def smtp_servers(self) -> Iterator[Service]:
        """The services that speak SMTP with the world."""
        for service in self.services:
            if (service.kind == "inet" and service.command == "smtpd") or (
                service.kind == "pass" and service.command == "smtpd"
            ):
                yield service

    @property
    def is_running(self) -> bool:
        return (
            self._run("postfix", "-c", str(self.folder), "status", check=False).returncode == 0
        )

    def check(self) -> str:
        """What `postfix check` complains of; "" when nothing."""
        done = self._run("postfix", "-c", str(self.folder), "check", check=False)
        return done.stderr.strip() if done.returncode else ""

    def reload(self) -> bool:
        """Make a running instance read its files; False when it does not run."""
        if not self.is_running:
            return False
        self._run("postfix", "-c", str(self.folder), "reload")
        return True

    def address(self) -> tuple[str, int]:
        """Where to send a message by SMTP on this machine; WireError where nothing listens."""
        for service in self.services:
            if service.kind != "inet" or service.command not in {"smtpd", "postscreen"}:
                continue
            host, _, port = service.name.rpartition(":")
            number = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465}.get(port)
            if number in {465, 587}:
                continue
            host = host.strip("[]") or self._loopback()
            return host, number or int(port)
        raise WireError("no SMTP service in master.cf")

    def _loopback(self) -> str:
        interfaces = self.value("inet_interfaces").replace(",", " ").split()
        first = interfaces[0] if interfaces else "all"
        return (
            "127.0.0.1" if first in {"all", "loopback-only", "localhost"} else first.strip("[]")
        )


def split_milters(text: str) -> list[str]:
    """The entries of a milter list: words, or `{ ... }` as one."""
    return [m.strip() for m in re.findall(r"\{[^{}]*\}|[^\s,{}]+", text)]


def endpoint(entry: str) -> str:
    """Where an entry points, comparable: host names of this machine and spellings folded."""
    word = re.split(r"[\s,]+", entry.strip("{} \t"))[0] if entry.strip("{} \t") else ""
    kind, _, rest = word.partition(":")
    if kind == "inet":
        host, _, port = rest.rpartition(":")
        host = host.strip("[]").lower()
        return f"inet:{'127.0.0.1' if host in {'localhost', '::1'} else host}:{port}"
    if kind in {"unix", "local"}:
        return f"unix:{rest}"
    return word


def from_postfix(postfix: Postfix, socket: Socket) -> str:
    """The socket as this Postfix has to name it; WireError where its processes cannot see it."""
    if not socket.is_unix:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(socket.host, socket.host)
        return Socket(host=host, port=socket.port).postfix
    path = Path(socket.path)
    queue = postfix.queue_directory.resolve()
    if path.resolve().is_relative_to(queue):
        return f"unix:{path.resolve().relative_to(queue)}"
    caged = [
        s.key for s in postfix.services if s.is_chrooted and s.command in {"smtpd", "cleanup"}
    ]
    if caged:
        raise WireError(
            f"{path} cannot be seen by {', '.join(caged)}, which are chrooted in {queue}; "
            f'set milter.sockets = ["unix:{queue}/filterd/milter.sock"] and '
            'milter.socket_group = "postfix", or use inet'
        )
    return f"unix:{path}"


def plan(postfix: Postfix, sockets: Sequence[Socket], default_action: str) -> Plan:
    """The change that puts filterd first among the milters; empty when it is there."""
    if postfix.version < (2, 6):
        raise WireError("Postfix before 2.6 does not speak milter protocol 6")
    reachable, reasons = [], []
    for socket in sockets:
        try:
            reachable.append(from_postfix(postfix, socket))
        except WireError as error:
            reasons.append(str(error))
    if not reachable:
        raise WireError("; ".join(reasons))
    ours = reachable[0]
    entry = (
        f"{{ {ours}, default_action={default_action} }}" if postfix.version >= (3, 0) else ours
    )
    notes: list[str] = []
    wanted: dict[str, str] = {}
    for name in LISTS:
        present = split_milters(postfix.value(name))
        places = [endpoint(item) for item in present]
        known = next((place for place in map(endpoint, reachable) if place in places), None)
        if known is None:
            wanted[name] = ", ".join([entry, *split_milters(postfix.written(name) or "")])
        elif places[0] != known:
            notes.append(
                f"{name}: filterd is not first; fields that others add before it may be taken for forged"
            )
    protocol = postfix.value("milter_protocol")
    if protocol.isdigit() and int(protocol) < 6:
        wanted["milter_protocol"] = "6"
    master = _master_changes(postfix, notes)
    if not wanted and not master:
        return Plan(notes=tuple(notes))
    files = _rehearse(postfix, wanted, master)
    before = {name: postfix.written(name) for name in wanted}
    before |= {f"master:{key}": None for key in master}
    return Plan(files, before, tuple(notes))


def _master_changes(postfix: Postfix, notes: list[str]) -> dict[str, str]:
    """Services that need an exception: mail that comes back from a content filter was judged before."""
    found: dict[str, str] = {}
    for service in postfix.smtp_servers:
        own = postfix.override(service, "smtpd_milters")
        if own is not None:
            notes.append(
                f"{service.key} has smtpd_milters of its own ({own or 'none'}) and keeps them"
            )
            continue
        options = postfix.override(service, "receive_override_options") or ""
        if "no_milters" in options:
            continue
        if postfix.override(service, "content_filter") == "":
            found[f"{service.key}/smtpd_milters"] = ""
            notes.append(
                f"{service.key} takes mail back from a content filter: not judged twice"
            )
    return found


def _rehearse(
    postfix: Postfix, wanted: dict[str, str], master: dict[str, str]
) -> tuple[FileChange, ...]:
    """Let postconf make the change on copies, so that what is shown is what will be done."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="filterd-wire-") as name:
        copy = Path(name)
        for file in ("main.cf", "master.cf"):
            shutil.copy2(postfix.folder / file, copy / file)
        rehearsal = Postfix(copy)
        if wanted:
            rehearsal.postconf("-e", *(f"{key} = {value}" for key, value in wanted.items()))
        if master:
            rehearsal.postconf("-P", *(f"{key}={value}" for key, value in master.items()))
        return tuple(
            FileChange(postfix.folder / file, read(postfix.folder / file), read(copy / file))
            for file in ("main.cf", "master.cf")
            if read(postfix.folder / file) != read(copy / file)
        )


def undo(postfix: Postfix, done: Plan) -> list[str]:
    """Take a change back; what could not be taken back exactly is said."""
    said: list[str] = []
    for change in done.files:
        if read(change.path) == change.after:
            write(change.path, change.before)
            continue
        said.append(f"{change.path} was changed since: only our own keys are taken back")
        keys = {
            k: v
            for k, v in done.settings.items()
            if k.startswith("master:") == (change.path.name == "master.cf")
        }
        for key, before in keys.items():
            if key.startswith("master:"):
                postfix.postconf("-PX", key.removeprefix("master:"))
            elif before is None:
                postfix.postconf("-X", key)
            else:
                postfix.postconf("-e", f"{key} = {before}")
    return said
