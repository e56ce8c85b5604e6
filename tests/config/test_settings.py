from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from filterd.checks.catalogue import ALL
from filterd.config.decode import arms, decode
from filterd.config.settings import SHIPPED, FilterSettings
from filterd.core.errors import ConfigError


def test_the_defaults_are_valid_by_their_own_rules() -> None:
    assert decode(FilterSettings, SHIPPED) == FilterSettings()


def models(model: type[BaseModel] = FilterSettings) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for arm in arms(field.annotation):
            if isinstance(arm, type) and issubclass(arm, BaseModel):
                yield from models(arm)


@pytest.mark.parametrize("model", dict.fromkeys(models()), ids=lambda m: m.__name__)
def test_every_setting_says_what_it_does(model: type[BaseModel]) -> None:
    assert [n for n, field in model.model_fields.items() if not field.description] == []


def test_each_check_has_its_table() -> None:
    assert list(FilterSettings().check_settings) == [check.name for check in ALL]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"url": "http://redis.example.org"}, "store.url"),
        ({"url": "redis://redis.example.org:many/0"}, "store.url"),
        ({"url": "redis://redis.example.org:70000/0"}, "store.url"),
        ({"url": "redis://[::1"}, "store.url"),
        ({"url": "redis://redis.example.org/0?sockt_timeout=3"}, "store.url"),
        ({"nodes": ["r1:6379", "r 2"]}, "store.nodes"),
        ({"nodes": ["r1:many"]}, "store.nodes"),
        ({"nodes": ["r1:0"]}, "store.nodes"),
    ],
    ids=str,
)
def test_a_store_that_nobody_can_reach_is_a_mistake(table: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decode(FilterSettings, {"store": table})
    assert [problem.where for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(
    "table",
    [
        {"url": "redis://u:p%40@redis.example.org:6379/3"},
        {"url": "rediss://redis.example.org?ssl_cert_reqs=none"},
        {"url": "unix:///run/redis/redis.sock?db=2"},
        {"nodes": ["r1:6379", "r2", "[2001:db8::1]:6379", "2001:db8::1", "192.0.2.1:1"]},
    ],
    ids=str,
)
def test_where_a_store_can_be(table: dict[str, Any]) -> None:
    decode(FilterSettings, {"store": table})


def test_what_runs_and_is_hardly_meant(tmp_path: Path) -> None:
    listed = tmp_path / "allow"
    listed.write_bytes(b"\xef\xbb\xbf192.0.2.0/24\nnonsense\n")
    settings = decode(
        FilterSettings,
        {
            "local_networks": ["::/0"],
            "rules": {"directory": f"{tmp_path}/rules.d"},
            "milter": {"user": "no-such-user", "socket_group": "no-such-group"},
            "checks": {
                "allow": {"allow_files": [str(listed)], "deny_files": [f"{tmp_path}/deny"]},
                "trap": {"files": [f"{tmp_path}/traps"]},
            },
        },
    )
    assert [text.replace(str(tmp_path), "") for text in settings.warnings()] == [
        "local_networks: ::/0 is everybody: nobody would be judged as a stranger",
        "rules.directory: there is no folder /rules.d",
        'milter.user: "no-such-user" is not known on this machine; it could not start here',
        "checks.trap.files: /traps: No such file or directory",
        'checks.allow.allow_files: /allow: 2: "nonsense" is no network, domain or address',
        "checks.allow.deny_files: /deny: No such file or directory",
    ]
