"""health - what in a Postfix's configuration makes a filter useless or dangerous.

Owns:   the probes of Postfix: does it use us, can its processes reach us, timeouts, order, default action.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.frontends.cli.mta.change import WireError
from filterd.frontends.cli.mta.postfix import Postfix, endpoint, from_postfix, split_milters
from filterd.frontends.cli.probe import Finding, failure, ok, warning

if TYPE_CHECKING:
    from filterd.config.listen import Socket
    from filterd.config.settings import FilterSettings

AUTHENTICATORS = (
    "opendkim",
    "opendmarc",
    "openarc",
    "pyspf",
    "authentication_milter",
    ":8891",
    ":8893",
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> float:
    """The seconds of a Postfix time such as "30s" or "300"."""
    match = re.fullmatch(r"(\d+)([smhdw]?)", text.strip())
    return float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0


def postfix(instance: Postfix, settings: FilterSettings) -> Iterator[Finding]:
    """Everything about one Postfix."""
    try:
        yield from _wired(instance, settings)
        yield from _timeouts(instance, settings)
        yield from _size(instance, settings)
    except WireError as error:
        yield failure("postfix", str(error))


def _wired(instance: Postfix, settings: FilterSettings) -> Iterator[Finding]:
    present = split_milters(instance.value("smtpd_milters"))
    places = [endpoint(item) for item in present]
    ours = []
    for listen in settings.milter.sockets:
        try:
            ours.append((listen, endpoint(from_postfix(instance, listen))))
        except WireError as error:
            yield warning("postfix", str(error))
    mine = next(((listen, place) for listen, place in ours if place in places), None)
    if mine is None:
        yield failure("postfix", "smtpd_milters does not name filterd", "filterd wire postfix")
        return
    listen, place = mine
    yield ok("postfix", f"asks filterd at {present[places.index(place)]}")
    yield from _default_action(instance, present[places.index(place)])
    yield from _order(present, places.index(place))
    yield from _as_postfix(instance, listen)
    if place not in [
        endpoint(item) for item in split_milters(instance.value("non_smtpd_milters"))
    ]:
        yield warning(
            "postfix",
            "mail handed in locally is not judged (non_smtpd_milters)",
            "filterd wire postfix",
        )
    for service in instance.smtp_servers:
        own = instance.override(service, "smtpd_milters")
        if own is not None and place not in [endpoint(item) for item in split_milters(own)]:
            yield warning(
                "postfix", f"{service.key} has smtpd_milters of its own, without filterd"
            )


def _default_action(instance: Postfix, entry: str) -> Iterator[Finding]:
    own = re.search(r"default_action\s*=\s*(\w+)", entry)
    action = own[1] if own else instance.value("milter_default_action")
    if action == "accept":
        yield warning(
            "default action",
            "accept: when filterd is away, everything passes unjudged",
            "tempfail loses no mail either",
        )
    elif action == "reject":
        yield failure(
            "default action",
            "reject: when filterd is away, good mail is refused for good",
            "tempfail",
        )
    else:
        yield ok("default action", action)


def _order(present: list[str], place: int) -> Iterator[Finding]:
    before = [entry for entry in present[:place] if any(a in entry for a in AUTHENTICATORS)]
    after = [entry for entry in present[place + 1 :] if any(a in entry for a in AUTHENTICATORS)]
    for entry in before:
        yield warning(
            "milters",
            f"{entry} comes before filterd: an Authentication-Results of it under our name is taken out",
            "put filterd first (filterd wire postfix --undo, then again), or give it a name of its own",
        )
    for entry in after:
        yield warning(
            "milters",
            f"{entry} may write a second Authentication-Results",
            "filterd verifies SPF, DKIM, ARC and DMARC and can sign; let the other only sign, or go",
        )


def _as_postfix(instance: Postfix, listen: Socket) -> Iterator[Finding]:
    """Connect as the user that smtpd runs as."""
    owner = instance.value("mail_owner")
    if os.geteuid() != 0:
        yield warning("socket", f"not tried as {owner}: only root can", "sudo filterd doctor")
        return
    try:
        account = pwd.getpwnam(owner)
    except KeyError:
        yield failure("socket", f"mail_owner {owner} is no user")
        return
    said = connect_as(account, listen)
    if said:
        advice = 'milter.socket_group = "postfix", and let its folder be entered by that group'
        yield failure("socket", f"{owner} cannot connect to {listen}: {said}", advice)
    else:
        yield ok("socket", f"{owner} can connect to {listen}")


def connect_as(account: pwd.struct_passwd, listen: Socket) -> str:
    """What is wrong when that user connects; "" when nothing. A child does it, which alone changes user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = b"failed"
        try:
            os.close(reading)
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            code = _connect(listen).encode()
        finally:
            os.write(writing, code[:200])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said.decode(errors="replace")


def _connect(listen: Socket) -> str:
    try:
        listen.connect().close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _timeouts(instance: Postfix, settings: FilterSettings) -> Iterator[Finding]:
    """Longer than we take, deliberate delays included, or the default action is taken for us."""
    tarpit = settings.check_settings.get("tarpit")
    held = getattr(tarpit, "ceiling", 0.0) if tarpit is not None and tarpit.enabled else 0.0
    held_end = (
        getattr(tarpit, "end_ceiling", 0.0) if tarpit is not None and tarpit.enabled else 0.0
    )
    for name, needed in (
        ("milter_command_timeout", settings.scan.early_deadline + held),
        ("milter_content_timeout", settings.scan.deadline + held_end),
    ):
        given = seconds(instance.value(name))
        if given <= needed:
            yield failure(
                "timeouts",
                f"{name} is {given:g} s, filterd may take {needed:g} s",
                f"postconf -e {name}={int(needed * 2)}s",
            )
        else:
            yield ok("timeouts", f"{name} is {given:g} s, filterd takes at most {needed:g} s")


def _size(instance: Postfix, settings: FilterSettings) -> Iterator[Finding]:
    limit = int(instance.value("message_size_limit") or 0)
    if limit == 0 or limit > settings.milter.max_message:
        shown = f"{limit >> 20} MB" if limit else "any size"
        yield warning(
            "size",
            f"Postfix takes messages of {shown}, filterd looks at {settings.milter.max_message >> 20} MB of each",
            "milter.max_message",
        )
    queue = Path(instance.value("queue_directory"))
    if not queue.is_dir():
        yield failure("postfix", f"{queue} is no directory")
