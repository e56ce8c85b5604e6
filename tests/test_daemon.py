from __future__ import annotations

import os
import pwd
import resource
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from filterd.config.load import Loaded, load
from filterd.core.errors import ConfigError
from filterd.core.shipped import shipped
from filterd.daemon import DESCRIPTORS, drop_privileges, generation


def loaded(tmp_path: Path, **settings: str) -> Loaded:
    return load(None, {"state_dir": str(tmp_path), **settings})


def test_a_generation_has_a_job_for_each_socket(tmp_path: Path) -> None:
    found = generation(
        loaded(
            tmp_path,
            **{
                "milter.sockets": f'["inet:127.0.0.1:8895", "unix:{tmp_path}/m.sock"]',
                "milter.workers": "3",
                "http.enabled": "true",
            },
        )
    )
    assert [(job.name, job.count) for job in found.jobs] == [
        ("milter", 3),
        ("milter", 3),
        ("http", 1),
    ]
    assert found.jobs[1].listen.path == f"{tmp_path}/m.sock"
    assert "checks" in found.summary
    made = tomllib.loads((shipped("models") / "ham-spam/manifest.toml").read_text())["id"]
    assert found.facts["model"] == f"shipped {made}, not taught here"


def test_changed_rule_files_are_noticed_once_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "rules.d"
    folder.mkdir()
    settings = {
        "rules.directory": str(folder),
        "rules.shipped": "false",
        "rules.reload": "0.001",
    }
    first = generation(loaded(tmp_path, **settings))

    def noticed() -> str:
        time.sleep(0.002)
        return first.changed()

    assert noticed() == ""
    (folder / "1.toml").write_text("[rule.NEW]\nwhere = 'subject'\nmatch = 'x'\nscore = 1\n")
    assert noticed() == "rule files changed"
    assert noticed() == ""
    assert first.again is not None
    second = first.again()
    assert second.news(first.content) == "1 added: NEW"
    assert second.changed() == ""
    never = generation(loaded(tmp_path, **{**settings, "rules.reload": "0"}))
    (folder / "1.toml").unlink()
    assert noticed() == "rule files changed"
    assert never.changed() == ""


def test_an_unknown_user_is_an_error_with_its_name(tmp_path: Path) -> None:
    settings = loaded(tmp_path, **{"milter.user": "nobody-of-that-name"}).settings
    with pytest.raises(ConfigError, match="nobody-of-that-name"):
        drop_privileges(settings)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_privileges_are_gone_for_good_and_the_state_is_the_users(tmp_path: Path) -> None:
    settings = loaded(tmp_path / "state", **{"milter.user": "nobody"}).settings
    settings.run_dir.mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            drop_privileges(settings)
            try:
                os.setuid(0)
            except PermissionError:
                is_nobody = os.getuid() == nobody.pw_uid and os.getgid() == nobody.pw_gid
                code = 0 if is_nobody and 0 not in os.getgroups() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert settings.run_dir.stat().st_uid == nobody.pw_uid


def test_as_many_descriptors_as_the_hard_limit_allows(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource; from filterd import daemon; daemon._raise_descriptors();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard)),
    )
    assert int(done.stdout) >= min(hard, DESCRIPTORS)


def test_the_service_loads_nothing_that_only_others_need() -> None:
    code = (
        "import sys; from filterd import app, daemon, staff;"
        "from filterd.config.load import load; load(None, {});"
        "print(sorted({'importlib.metadata', 'email', 'rich', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
