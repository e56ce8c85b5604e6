"""sendmail - filterd as a line of sendmail.mc.

Owns:   the plan of wiring a Sendmail, building its .cf, taking it back.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from filterd.config.listen import Socket
from filterd.frontends.cli.mta.change import FileChange, Plan, WireError, read, write

BEGIN = "dnl filterd wire: begin, taken out by `filterd wire sendmail --undo'\n"
END = "dnl filterd wire: end\n"
FLAGS = {"tempfail": "F=T, ", "reject": "F=R, ", "accept": ""}
COMMAND_SECONDS = 120
MACROS = Path("/usr/share/sendmail/cf")
_FILTER = re.compile(r"^\s*INPUT_MAIL_FILTER\(`?([^'`,]+)'?\s*,\s*`?([^)]*?)'?\)", re.MULTILINE)
_ORDER = re.compile(r"^(\s*define\(`confINPUT_MAIL_FILTERS',\s*`)([^']*)('\).*)$", re.MULTILINE)


def line(socket: Socket, default_action: str) -> str:
    """The filter's line; the timeouts are Postfix's, so that delays stay below them in both."""
    flag = FLAGS[default_action]
    return f"INPUT_MAIL_FILTER(`filterd', `S={socket.libmilter}, {flag}T=C:30s;S:30s;R:30s;E:5m')dnl\n"


def plan(
    mc: Path, cf: Path, sockets: Sequence[Socket], default_action: str, macros: Path = MACROS
) -> Plan:
    """The change to sendmail.mc and the sendmail.cf that m4 makes of it; empty when it is there."""
    raw = read(mc)
    if raw is None:
        raise WireError(f"there is no {mc}: Sendmail is not installed here")
    text = raw.decode("utf-8", "surrogateescape")
    places = {socket.libmilter for socket in sockets}
    notes: list[str] = []
    for name, equates in _FILTER.findall(text):
        match = re.search(r"S=([^,\s]+)", equates)
        if name == "filterd" or (match and match[1] in places):
            return Plan(notes=(f"{mc} has the filter already",))
        notes.append(f"behind filterd: {name}")
    block = BEGIN + line(sockets[0], default_action) + END
    order = _ORDER.search(text)
    if order:  # an order of one's own names every filter that is used
        names = ", ".join(["filterd", *filter(None, (n.strip() for n in order[2].split(",")))])
        new = _ORDER.sub(lambda m: f"{m[1]}{names}{m[3]}", text, count=1)
        block = (
            BEGIN
            + line(sockets[0], default_action).replace("INPUT_MAIL_FILTER", "MAIL_FILTER")
            + END
        )
        text = new
    place = re.search(r"^\s*(INPUT_MAIL_FILTER|MAIL_FILTER|MAILER)\(", text, re.MULTILINE)
    at = place.start() if place else len(text)
    after = (text[:at] + block + text[at:]).encode("utf-8", "surrogateescape")
    made = build(after, mc.parent, macros)
    files = (FileChange(mc, raw, after), FileChange(cf, read(cf), made))
    return Plan(files, {}, tuple(notes))


def build(mc: bytes, folder: Path, macros: Path = MACROS) -> bytes:
    """sendmail.cf of that sendmail.mc, by m4 with the macros of the package."""
    command = [shutil.which("m4") or "m4"]
    if b"cf.m4" not in mc:  # Debian's file takes it in itself
        command += [f"-D_CF_DIR_={macros}/", str(macros / "m4" / "cf.m4")]
    try:
        done = subprocess.run(
            [*command, "-"], input=mc, capture_output=True, cwd=folder, timeout=COMMAND_SECONDS, check=False
        )  # fmt: skip
    except FileNotFoundError:
        raise WireError("there is no m4, which makes sendmail.cf") from None
    if done.returncode or (b"Mlocal" not in done.stdout and b"Msmtp" not in done.stdout):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise WireError(f"m4 made no sendmail.cf: {said[-1] if said else 'no mailer in it'}")
    return done.stdout


def undo(done: Plan, macros: Path = MACROS) -> list[str]:
    """Take a change back; what could not be taken back exactly is said."""
    said: list[str] = []
    mc = done.files[0]
    for change in done.files:
        if read(change.path) == change.after:
            write(change.path, change.before)
        elif change.path == mc.path:
            said.append(f"{change.path} was changed since: only our own lines are taken out")
            text = (read(change.path) or b"").decode("utf-8", "surrogateescape")
            text = re.sub(re.escape(BEGIN) + r".*?" + re.escape(END), "", text, flags=re.DOTALL)
            text = _ORDER.sub(lambda m: m[1] + _without(m[2]) + m[3], text)
            write(change.path, text.encode("utf-8", "surrogateescape"))
        else:
            write(change.path, build(read(mc.path) or b"", mc.path.parent, macros))
    return said


def _without(names: str) -> str:
    return ", ".join(
        n for n in (part.strip() for part in names.split(",")) if n and n != "filterd"
    )
