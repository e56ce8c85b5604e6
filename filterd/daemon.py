"""daemon - the service: generations of milter workers (and HTTP), built from settings.

Owns:   serve, generation, when rule files are looked at, dropping privileges.
Not here: processes (serve), what a worker does (staff), what a scan needs (assembly).
"""

from __future__ import annotations

import logging
import os
import pwd
import resource
import time
from collections.abc import Callable
from grp import getgrnam
from pathlib import Path

from filterd.assembly import Assembly
from filterd.config.load import Loaded
from filterd.config.settings import FilterSettings
from filterd.core.clock import SystemClock
from filterd.core.errors import ConfigError, ConfigProblem
from filterd.core.ownership import hand_over
from filterd.observe import metrics
from filterd.observe.log import open_log
from filterd.ruleset import RuleSet
from filterd.ruleset.ruleset import differences, fingerprint_of, watched_files
from filterd.ruleset.settings import RuleSettings
from filterd.serve import memory
from filterd.serve.master import Generation, Master
from filterd.serve.sockets import Listen
from filterd.serve.worker import Job
from filterd.staff import HttpWorker, MilterWorker, prepare

log = logging.getLogger("filterd")

MILTER_NAME = "filterd"
DESCRIPTORS = (
    65_536  # asked for where the hard limit allows; a shell gives 1,024: 500 sessions a worker
)
PATIENCE = 30.0  # seconds the workers wait for their sessions at a stop


def serve(load: Callable[[], Loaded]) -> int:
    """Run until told to stop. ConfigError at the start passes through, at a reload it is logged."""
    memory.bound()
    _raise_descriptors()
    clock = SystemClock()
    first = load().settings
    _make_directory(first.state_dir)
    _make_directory(first.run_dir)
    open_log(first.log)
    counts = first.run_dir / "metrics"
    metrics.open_directory(counts)
    master = Master(
        build=lambda: generation(load()),
        status_file=first.run_dir / "status.json",
        wall=clock.now,
        after_bind=lambda: drop_privileges(first),
        on_death=lambda pid: metrics.absorb(counts, pid),
    )
    return master.run()


def _raise_descriptors() -> None:
    """A session is one descriptor in a worker; the soft limit is for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def generation(loaded: Loaded) -> Generation:
    """Everything one reading of the settings asks for."""
    settings = loaded.settings
    assembly = Assembly.of(settings)
    assembly.warm()
    prepare(settings)
    memory.give_back()
    memory.leave(memory.untouched_libraries())
    for problem in assembly.problems:
        log.warning("going on without: %s", problem)
    milter = settings.milter
    jobs = [
        Job(
            name="milter",
            count=milter.workers or os.cpu_count() or 1,
            listen=Listen(
                address, milter.socket_mode, milter.socket_owner, milter.socket_group
            ),
            start=lambda: MilterWorker(assembly),
        )
        for address in milter.sockets
    ]
    if settings.http.enabled:
        http = settings.http
        jobs.extend(
            Job(
                name="http",
                count=1,
                listen=Listen(address, http.socket_mode, group=http.socket_group),
                start=lambda: HttpWorker(assembly),
            )
            for address in http.sockets
        )
    facts = {
        "mode": settings.mode,
        "files": [str(path) for path in loaded.files],
        "sockets": [str(address) for address in milter.sockets],
        "rules": assembly.rules.summary,
        "model": assembly.model,
        "store": settings.store.kind,
    }
    rules = assembly.rules
    return Generation(
        jobs,
        PATIENCE,
        facts,
        changed=RuleWatch(rules, settings.rules),
        again=lambda: generation(loaded),
        content=rules,
        news=lambda before: str(differences(before, rules)),
        summary=assembly.summary,
    )


class RuleWatch:
    """Says once of each change that the files of the rules, or of their lists, are no longer as they were."""

    def __init__(self, rules: RuleSet, settings: RuleSettings) -> None:
        self._declared = rules.declared
        self._settings = settings
        self._seen = rules.fingerprint
        self._next = time.monotonic() + settings.reload

    def __call__(self) -> str:
        """The cause for a reload, "" for none; looks every `rules.reload` seconds."""
        now = time.monotonic()
        if not self._settings.reload or now < self._next:
            return ""
        self._next = now + self._settings.reload
        found = fingerprint_of(watched_files(self._settings), self._declared)
        if found == self._seen:
            return ""
        self._seen = found  # a set that is refused is not tried again until it changes again
        return "rule files changed"


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            [ConfigProblem("", "state_dir", f"cannot make {path}: {error.strerror}")]
        ) from error


def drop_privileges(settings: FilterSettings) -> None:
    """Become milter.user and milter.group for good; the sockets are open by now."""
    chosen = settings.milter
    if not chosen.user:
        return
    try:
        account = pwd.getpwnam(chosen.user)
        gid = getgrnam(chosen.group).gr_gid if chosen.group else account.pw_gid
    except KeyError as error:
        raise ConfigError(
            [ConfigProblem("", "milter.user", f"no such user or group: {error}")]
        ) from error
    if os.getuid() != 0:
        if os.getuid() != account.pw_uid:
            raise ConfigError(
                [ConfigProblem("", "milter.user", "only root can become another user")]
            )
        return
    for path in (settings.state_dir, settings.run_dir):
        os.chown(path, account.pw_uid, gid)
    hand_over(settings.state_dir)
    os.initgroups(account.pw_name, gid)
    os.setgid(gid)
    os.setuid(account.pw_uid)
