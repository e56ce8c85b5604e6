"""The .deb, built by its script: installed beside Postfix, wired, upgraded, removed and purged in a throw-away root."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.support.shared import ROOT

pytestmark = [pytest.mark.story, pytest.mark.slow, pytest.mark.timeout(600)]

INSIDE = r"""
set -eu
exec 2>&1
say() { echo "== $*"; }
await() { for _ in $(seq 300); do (echo > /dev/tcp/127.0.0.1/8895) 2>/dev/null && return; sleep 0.1; done; cat /tmp/serve.log; exit 9; }
# what systemd does with the unit: this root has no systemd
serve() { runuser -u filterd -- env FILTERD_DNS__SERVERS=127.0.0.1 filterd serve >>/tmp/serve.log 2>&1 & await; }
stop() { kill "$(pgrep -o -u filterd -f 'filterd serve')"; while pgrep -u filterd -f 'filterd serve' >/dev/null; do sleep 0.1; done; }

rm -f /var/lib/man-db/auto-update  # its index of all manuals takes longer than the package
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/memory
say fresh; getent passwd filterd || echo no user
cp /etc/postfix/main.cf /tmp/main.cf.before
begin=$(date +%s%N)
say install; apt-get install -y --no-install-recommends "$1/old.deb" >/tmp/apt.log || { cat /tmp/apt.log; exit 1; }
tail -n 3 /tmp/apt.log
serve
postfix start >/dev/null 2>&1
say wire; filterd wire postfix --yes
say seconds $(( ($(date +%s%N) - begin) / 1000000000 ))
say user; id -nG filterd; stat -c '%U:%G %a %n' /var/lib/filterd /etc/filterd/conf.d /var/spool/postfix/filterd
say check; filterd config check; filterd doctor --no-dns --quiet || true
say manuals; man -w filterd filterd.toml; test -s /usr/share/bash-completion/completions/filterd && echo completion
say learn; printf 'From: a@b.example\nSubject: x\n\nhello\n' >/tmp/x.eml; runuser -u filterd -- filterd learn ham /tmp/x.eml
say conf; echo 'thresholds.tag = 5.5' >/etc/filterd/conf.d/mine.toml
say unix; cat >/etc/filterd/conf.d/socket.toml <<'TOML'
[milter]
sockets = ["inet:127.0.0.1:8895", "unix:/var/spool/postfix/filterd/milter.sock"]
TOML
stop; serve; stat -c '%U:%G %a' /var/spool/postfix/filterd/milter.sock
say same; dpkg -V filterd || true
say upgrade; stop; dpkg -i "$1/new.deb" 2>&1 | tail -n 1; dpkg-query --show filterd; serve
filterd config show thresholds.tag --origin; filterd status | head -n 1
filterd wire postfix --yes | tail -n 1
stop
say remove; apt-get remove -y filterd 2>&1 | grep -i filterd | tail -n 3
cmp /etc/postfix/main.cf /tmp/main.cf.before && echo unwired
test -e /etc/filterd/conf.d/mine.toml && echo settings stay
say purge; apt-get purge -y filterd >/dev/null 2>&1
ls -d /etc/filterd /var/lib/filterd /usr/lib/filterd /var/spool/postfix/filterd 2>/dev/null || echo all gone
getent passwd filterd || echo no user
say end
"""


# Process 1 of the second root: systemd, with one service more, which is the test.
FIRST = r"""
rm -f /etc/systemd/system/*.wants/* /usr/sbin/policy-rc.d
ln -sf /dev/null /etc/systemd/system/systemd-udevd.service
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../test.service /etc/systemd/system/multi-user.target.wants/
cat >/etc/systemd/system/test.service <<UNIT
[Service]
Type=oneshot
TimeoutStartSec=300
ExecStart=/bin/bash $1/booted.sh $1
StandardOutput=append:$1/booted.out
StandardError=append:$1/booted.out
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=null --show-status=no
"""

BOOTED = r"""
exec 2>&1
say() { echo "== $*"; }
shows() { systemctl show filterd --property="$1" --value; }
until_is() { for _ in $(seq 300); do [ "$(systemctl is-active filterd)" = "$1" ] && return; sleep 0.1; done; }
status() { filterd status | head -n 1 | sed 's/since.*mode/since, mode/'; }
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
rm -f /var/lib/man-db/auto-update
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/memory
# no network here: what it asks is refused at once
mkdir -p /etc/filterd/conf.d
echo 'dns.servers = ["127.0.0.1"]' >/etc/filterd/conf.d/dns.toml
say install; dpkg -i "$1/new.deb" >/dev/null 2>&1; systemctl is-enabled filterd filterd.socket; systemctl is-active filterd
say state; shows StatusText; status; ps -o user= -p "$(shows MainPID)"
say reload; before="$(shows MainPID)"; systemctl reload filterd
for _ in $(seq 200); do status | grep -q 'generation 2' && break; sleep 0.1; done
status; [ "$before" = "$(shows MainPID)" ] && echo same process
say unix; cat >/etc/filterd/conf.d/socket.toml <<'TOML'
[milter]
sockets = ["inet:127.0.0.1:8895", "unix:/var/spool/postfix/filterd/milter.sock"]
socket_group = "postfix"
TOML
systemctl reload filterd
for _ in $(seq 30); do [ -S /var/spool/postfix/filterd/milter.sock ] && break; sleep 0.1; done
stat -c '%U:%G %a' /var/spool/postfix/filterd/milter.sock; rm /etc/filterd/conf.d/socket.toml
say learn; printf 'From: a@b.example\nSubject: x\n\nhello\n' >/tmp/x.eml
filterd learn ham /tmp/x.eml; filterd history >/dev/null 2>&1; find /var/lib/filterd -user root | wc -l
say watchdog; mkdir -p /run/systemd/system/filterd.service.d
printf '[Service]\nWatchdogSec=4s\nTimeoutAbortSec=1s\n' >/run/systemd/system/filterd.service.d/short.conf
systemctl daemon-reload; systemctl restart filterd; sleep 5; shows NRestarts
kill -STOP "$(shows MainPID)"
for _ in $(seq 200); do [ "$(shows NRestarts)" = 1 ] && break; sleep 0.1; done
shows NRestarts; until_is active; status
say dmarc; systemctl is-enabled filterd-dmarc.timer
printf '[dmarc_reports]\nenabled = true\naddress = "reports@mx.example.org"\nmailer = "none"\n' >/etc/filterd/conf.d/dmarc.toml
systemctl start filterd-dmarc.service && echo reported; find /var/lib/filterd -user root | wc -l
systemctl enable --now filterd-dmarc.timer 2>/dev/null; systemctl is-active filterd-dmarc.timer
rm /etc/filterd/conf.d/dmarc.toml
say socket; systemctl stop filterd; systemctl enable --now filterd.socket 2>/dev/null; systemctl is-active filterd
exec 3<>/dev/tcp/127.0.0.1/8895; until_is active; systemctl is-active filterd; status
systemctl restart filterd; systemctl is-active filterd.socket filterd
say remove; dpkg --purge filterd >/dev/null 2>&1; systemctl is-active filterd filterd.socket filterd-dmarc.timer; getent passwd filterd || echo gone
say end
"""


def older(package: Path, target: Path, version: str) -> None:
    """The same package under an earlier version: the control part written anew, the rest as it is."""
    control = subprocess.run(
        ["dpkg-deb", "--ctrl-tarfile", str(package)],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    changed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(control)) as old,
        tarfile.open(fileobj=changed, mode="w") as new,
    ):
        for member in old.getmembers():
            content = old.extractfile(member)
            data = content.read() if content else b""
            if member.name.endswith("/control"):
                data = re.sub(
                    rb"^Version: .*$", f"Version: {version}".encode(), data, flags=re.MULTILINE
                )
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    raw = package.read_bytes()
    members = list(parts(raw))
    text = b"!<arch>\n"
    for name, data in members:
        body = changed.getvalue() if name.startswith(b"control.tar") else data
        shown = b"control.tar" if name.startswith(b"control.tar") else name
        text += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (shown, 0, 0, 0, 0o100644, len(body))
        text += body + (b"\n" if len(body) % 2 else b"")
    target.write_bytes(text)


def parts(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Members of an ar archive."""
    found = []
    at = 8
    while at < len(raw):
        name, size = raw[at : at + 16].strip(), int(raw[at + 48 : at + 58])
        found.append((name, raw[at + 60 : at + 60 + size]))
        at += 60 + size + size % 2
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """new.deb of this tree with the libraries of this environment, and old.deb."""
    for program in ("dpkg-deb", "unshare", "postfix"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")
    if sys.version_info[:2] != (3, 11) or not Path("/usr/bin/python3.11").exists():
        pytest.skip("the package is for Debian 12's CPython 3.11")
    folder = tmp_path_factory.mktemp("packages")
    site = sysconfig.get_path("purelib")
    done = subprocess.run(
        [str(ROOT / "deploy/debian/build"), "--site", site, "--output", str(folder), "--version", "9.9", "--lean"],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.deb")
    built.rename(folder / "new.deb")
    older(folder / "new.deb", folder / "old.deb", "9.8-1")
    return folder


def in_a_root(packages: Path, name: str, script: str, *spaces: str, first: str = "") -> str:
    """What the script prints in a throw-away root; `first` is a script that is process 1 instead of it."""
    if os.geteuid() != 0:
        pytest.skip("a throw-away root needs root")
    for file, text in ((name, script), (f"{name}.first", first)):
        (packages / file).write_text(text)
    hidden = [str(ROOT), *([sys.base_prefix] if sys.base_prefix != "/usr" else [])]
    started = packages / (f"{name}.first" if first else name)
    done = subprocess.run(
        [*spaces, "unshare", "--mount", "--net", "--pid", "--fork", "--uts", "--ipc", "--kill-child",
         *(["--cgroup"] if first else []),
         str(ROOT / "tests/deploy/root.sh"), *hidden, "--", "/bin/bash", str(started), str(packages)],
        capture_output=True, text=True, errors="replace", timeout=400, check=False,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
             "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", "SHARED": str(packages)},
    )  # fmt: skip
    if "Operation not permitted" in done.stderr and "==" not in done.stdout:
        pytest.skip("this machine allows no overlay: " + done.stderr.strip())
    return done.stdout + done.stderr


def chapters(printed: str) -> dict[str, str]:
    """What a script said, by the word after its "== "."""
    found = {}
    for part in printed.split("== ")[1:]:
        head, _, rest = part.partition("\n")
        found[head.split()[0]] = (head + "\n" + rest).strip()
    assert "end" in found, printed
    return found


@pytest.fixture(scope="module")
def told(packages: Path) -> dict[str, str]:
    """What happened in a root without systemd, by chapter."""
    return chapters(in_a_root(packages, "inside.sh", INSIDE))


def test_it_installs_and_filters_by_two_commands_within_a_minute(told: dict[str, str]) -> None:
    assert "no user" in told["fresh"]
    assert "proved: mail goes through filterd" in told["wire"]
    assert int(told["seconds"].split()[1]) < 60


def test_it_runs_as_a_user_of_its_own(told: dict[str, str]) -> None:
    assert told["user"].splitlines()[1:] == [
        "filterd",
        "filterd:filterd 750 /var/lib/filterd",
        "root:filterd 750 /etc/filterd/conf.d",
        "filterd:postfix 2750 /var/spool/postfix/filterd",
    ]


def test_a_socket_in_the_chroot_belongs_to_the_group_of_postfix(told: dict[str, str]) -> None:
    assert told["unix"].splitlines()[-1] == "filterd:postfix 660"


def test_it_brings_manuals_completion_and_what_it_needs(told: dict[str, str]) -> None:
    assert "in order: /etc/filterd/filterd.toml" in told["check"]
    assert told["manuals"].count("/usr/share/man/man") == 2
    assert "completion" in told["manuals"]
    assert "1" in told["learn"]
    assert told["same"] == "same"  # no file differs from the package's


def test_an_upgrade_keeps_settings_and_wiring(told: dict[str, str]) -> None:
    text = told["upgrade"]
    assert "filterd\t9.9-1" in text
    assert re.search(r"thresholds.tag = 5.5 +# /etc/filterd/conf.d/mine.toml:1", text)
    assert "running since" in text
    assert "proved: mail goes through filterd" in text


def test_removing_it_takes_it_out_of_postfix_and_purging_leaves_nothing(
    told: dict[str, str],
) -> None:
    assert "unwired" in told["remove"]
    assert "settings stay" in told["remove"]
    assert told["purge"].splitlines()[1:] == ["all gone", "no user"]


@pytest.fixture(scope="module")
def booted(packages: Path) -> dict[str, str]:
    """What happened in a root whose first process is systemd, in a control group of its own."""
    if not Path("/lib/systemd/systemd").exists():
        pytest.skip("systemd is not installed")
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    place = next((Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"), None)
    if place is None or not os.access(place, os.W_OK):
        pytest.skip("no cgroup2 that can be written is mounted here")
    group = place / f"filterd-test-{os.getpid()}"
    enter = 'mkdir "$0" && echo $$ >"$0/cgroup.procs" && exec "$@"'
    try:
        printed = in_a_root(
            packages, "booted.sh", BOOTED, "bash", "-c", enter, str(group), first=FIRST
        )
    finally:
        for folder, *_ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    said = packages / "booted.out"
    assert said.exists(), printed
    return chapters(said.read_text())


def test_systemd_starts_it_when_it_is_installed_and_hears_that_it_is_ready(
    booted: dict[str, str],
) -> None:
    assert booted["install"].splitlines()[1:] == ["enabled", "disabled", "active"]
    assert "checks" in booted["state"]  # STATUS= of sd_notify
    assert booted["state"].endswith("filterd")


def test_systemd_reloads_it_in_the_same_process(booted: dict[str, str]) -> None:
    assert "generation 2" in booted["reload"]
    assert "same process" in booted["reload"]


def test_its_sandbox_gives_a_socket_in_the_chroot_to_postfix(booted: dict[str, str]) -> None:
    assert booted["unix"].splitlines()[1:] == ["filterd:postfix 660"]


def test_what_root_learns_belongs_to_the_service(booted: dict[str, str]) -> None:
    assert booted["learn"].splitlines()[1:] == ["1 messages: 1 learned", "0"]


def test_the_watchdog_replaces_a_service_that_hangs_and_leaves_a_healthy_one(
    booted: dict[str, str],
) -> None:
    healthy, hung, state = booted["watchdog"].splitlines()[1:]
    assert (healthy, hung) == ("0", "1")
    assert state.startswith("running since")


def test_the_timer_is_there_for_who_wants_reports_and_its_service_makes_them(
    booted: dict[str, str],
) -> None:
    assert booted["dmarc"].splitlines()[1:] == ["disabled", "reported", "0", "active"]


def test_the_socket_unit_starts_it_at_the_first_connection_and_outlives_it(
    booted: dict[str, str],
) -> None:
    stopped, started, state, *after = booted["socket"].splitlines()[1:]
    assert (stopped, started) == ("inactive", "active")
    assert state.startswith("running since")
    assert after == ["active", "active"]


def test_purging_stops_it(booted: dict[str, str]) -> None:
    assert booted["remove"].splitlines()[1:] == ["inactive", "inactive", "inactive", "gone"]
