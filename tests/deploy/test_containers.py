"""Container files, as far as they can be checked without a container engine: that they read, name files that
exist, give settings that are settings, and build on the package that test_package.py proves.

Not checked: that an image is built, started and networked. No engine runs where these tests run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from filterd.config.load import load
from filterd.core.errors import ConfigError
from tests.support.shared import ROOT

DOCKER = ROOT / "deploy" / "docker"
COMPOSE = DOCKER / "compose.yaml"
SIDECAR = ROOT / "deploy" / "kubernetes" / "sidecar.yaml"
INSTRUCTIONS = {
    "FROM", "RUN", "COPY", "WORKDIR", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


@pytest.mark.parametrize(
    "path",
    [DOCKER / "Containerfile", DOCKER / "postfix" / "Containerfile"],
    ids=lambda p: p.parent.name,
)
def test_a_containerfile_reads_and_copies_what_is_there(path: Path) -> None:
    found = list(instructions(path))
    assert found[0][0] == "FROM"
    assert {word for word, _ in found} <= INSTRUCTIONS
    for word, rest in found:
        if word == "COPY" and "--from" not in rest:
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources)
        if word == "RUN":
            subprocess.run(["bash", "-n", "-c", rest], check=True, timeout=10)


def test_the_image_runs_the_service_as_its_user_with_settings_that_load() -> None:
    found = dict(instructions(DOCKER / "Containerfile"))
    assert found["USER"] == "filterd"
    assert found["ENTRYPOINT"] == '["filterd"]'
    assert found["CMD"] == '["serve"]'
    environment = dict(pair.split("=", 1) for pair in found["ENV"].split())
    sockets = load(environment=environment).settings.milter.sockets
    assert [str(s) for s in sockets] == ["inet:0.0.0.0:8895"]


def with_secrets(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The same, with files for what is read from files."""
    given = dict(environment)
    for name in environment:
        if name.endswith("_FILE"):
            (folder / name).write_text("secret")
            given[name] = str(folder / name)
    return given


def test_compose_wires_the_services_together(tmp_path: Path) -> None:
    found = yaml.safe_load(COMPOSE.read_text())
    services = found["services"]
    settings = load(
        environment=with_secrets(services["filterd"]["environment"], tmp_path)
    ).settings
    assert settings.store.kind == "redis"
    assert settings.store.url.get_secret_value() == "redis://redis:6379/0"
    assert [str(s) for s in settings.milter.sockets] == ["inet:0.0.0.0:8895"]
    resolver = services["resolver"]["networks"]["mail"]["ipv4_address"]
    assert settings.dns.servers == (resolver,)
    assert "inet:filterd:8895" in (DOCKER / "postfix" / "Containerfile").read_text()
    for service in services.values():
        if "build" in service:
            context = (DOCKER / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file()
        named = service.get("depends_on", ())
        assert set(named) <= set(services)
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", ())}
    assert used == set(found["volumes"])


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker's command is not installed")
def test_compose_is_valid_to_compose_itself() -> None:
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, timeout=30, check=False
    ).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_sidecar_gives_settings_that_load_and_mounts_what_it_names(tmp_path: Path) -> None:
    documents: list[Any] = list(yaml.safe_load_all(SIDECAR.read_text()))
    assert [d["kind"] for d in documents] == ["ConfigMap", "StatefulSet"]
    spec = documents[1]["spec"]["template"]["spec"]
    postfix, filterd = spec["containers"]
    environment = {item["name"]: item["value"] for item in filterd["env"]}
    settings = load(environment=with_secrets(environment, tmp_path)).settings
    assert settings.store.topology == "sentinel"
    assert len(settings.store.nodes) == 3
    assert postfix["env"][0]["value"] == str(settings.milter.sockets[0])
    claims = {c["metadata"]["name"] for c in documents[1]["spec"]["volumeClaimTemplates"]}
    volumes = {v["name"] for v in spec["volumes"]} | claims
    assert {m["name"] for m in filterd["volumeMounts"]} <= volumes
    assert filterd["livenessProbe"]["httpGet"]["path"] == "/healthz"
    mine = tmp_path / "mine.toml"
    mine.write_text(documents[0]["data"]["mine.toml"])
    assert load(mine).settings.thresholds.reject == 12


def test_an_environment_that_is_wrong_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=r"\$FILTERD_STORE__KIND: store\.kind: expected"):
        load(environment={"FILTERD_STORE__KIND": "mysql"})
