from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from filterd.config.load import MAX_FILE_BYTES, Loaded, load
from filterd.core.errors import ConfigError


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def problems(
    path: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, overrides, environment)
    return [str(problem) for problem in caught.value.problems]


def test_without_any_file_the_defaults_hold() -> None:
    loaded = load()
    assert loaded.settings.thresholds.reject == 15.0
    assert loaded.origin("thresholds.reject") == "default"
    assert set(loaded.settings.profiles) == {"authenticated", "local", "default"}


def test_the_last_of_conf_d_wins_key_by_key(tmp_path: Path) -> None:
    main = write(tmp_path, "filterd.toml", "[thresholds]\ntag = 5\nreject = 12\n")
    write(tmp_path, "conf.d/20-b.toml", "[thresholds]\nreject = 9.5\n")
    write(tmp_path, "conf.d/10-a.toml", '[thresholds]\nreject = 8\n[log]\nformat = "json"\n')
    write(tmp_path, "conf.d/30-not.toml.bak", "nonsense")
    loaded = load(main)
    assert loaded.settings.thresholds.tag == 5
    assert loaded.settings.thresholds.reject == 9.5
    assert loaded.settings.log.format == "json"
    assert [p.name for p in loaded.files] == ["filterd.toml", "10-a.toml", "20-b.toml"]
    assert loaded.origin("thresholds.tag") == f"{main}:2"
    assert loaded.origin("thresholds.reject") == f"{tmp_path}/conf.d/20-b.toml:2"
    assert loaded.origin("log.level") == "default"


def test_a_shipped_profile_is_changed_not_replaced(tmp_path: Path) -> None:
    main = write(
        tmp_path, "f.toml", "[profiles.authenticated.thresholds]\nreject = 30\n[profiles.vip]\n"
    )
    profiles = load(main).settings.profiles
    assert profiles["authenticated"].thresholds.reject == 30
    assert "greylist" in profiles["authenticated"].disable
    assert {"vip", "local", "default"} <= set(profiles)


def test_one_key_of_a_table_leaves_the_others_as_they_were() -> None:
    before = load().settings.check_settings["ratelimit"]
    after = load(None, {"checks.ratelimit.user.messages": "7"}).settings.check_settings[
        "ratelimit"
    ]
    assert after.user.messages == 7  # type: ignore[attr-defined]
    assert after.user.burst == before.user.burst > 0  # type: ignore[attr-defined]


def test_problems_of_all_sources_come_at_once(tmp_path: Path) -> None:
    main = write(tmp_path, "filterd.toml", '[milter]\nworkers = "2"\n\n[treshold]\ntag = 3\n')
    write(tmp_path, "conf.d/a.toml", "[log]\nformat = 3\n")
    write(tmp_path, "conf.d/b.toml", "[log\n")
    found = problems(
        main,
        {"log.level": "loud", "no key!": "1"},
        {"FILTERD_SCAN__DEADLINE": "ages", "FILTERD_HTTP__TOKEN_FILE": "/nonexistent"},
    )
    assert found == [
        f"{tmp_path}/conf.d/b.toml: not TOML: Expected ']' at the end of a table declaration (at line 1, column 5)",
        "$FILTERD_HTTP__TOKEN_FILE: cannot read /nonexistent: [Errno 2] No such file or directory: '/nonexistent'",
        "--set: no key!: expected table.key=value",
        f'{main}:2: milter.workers: expected a whole number, got "2"',
        '$FILTERD_SCAN__DEADLINE: scan.deadline: expected a duration such as "90s" or "5m", got \'ages\'',
        f"{tmp_path}/conf.d/a.toml:2: log.format: expected 'text' or 'json', got 3",
        "--set: log.level: expected 'debug', 'info', 'warning' or 'error', got \"loud\"",
        f'{main}:5: treshold: unknown key; did you mean "thresholds"?',
    ]


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert problems(tmp_path / "x.toml") == [f"{tmp_path}/x.toml: No such file or directory"]
    assert problems(environment={"FILTERD_CONFIG": "/nonexistent.toml"}) == [
        "/nonexistent.toml: No such file or directory"
    ]


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'state_dir = "/\xe4"\n')
    assert problems(latin) == [f"{latin}: not UTF-8 at byte 14"]
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    assert problems(large) == [f"{large}: larger than {MAX_FILE_BYTES} bytes"]


def from_environment(**variables: str) -> Loaded:
    return load(environment={f"FILTERD_{name}": value for name, value in variables.items()})


def test_environment_values_fit_what_the_key_takes() -> None:
    loaded = from_environment(
        STATE_DIR="/srv/filterd",
        AUTHSERV_ID="10",
        LOCAL_NETWORKS="10.0.0.0/8, 192.168.0.0/16",
        LOCAL_DOMAINS='["example.org"]',
        THRESHOLDS__REJECT="12.5",
        FIELDS__REMOVE_SPAM="false",
        MODE="observe",
        SCAN__DEADLINE="6s",
        MILTER__SOCKETS="unix:/run/filterd/milter.sock inet:8895@0.0.0.0",
    )
    settings = loaded.settings
    assert settings.state_dir == Path("/srv/filterd")
    assert settings.authserv_id == "10"
    assert [str(n) for n in settings.local_networks] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert settings.local_domains == ("example.org",)
    assert settings.thresholds.reject == 12.5
    assert settings.fields.remove_spam is False
    assert settings.mode == "observe"
    assert settings.scan.deadline == 6.0
    assert [str(s) for s in settings.milter.sockets] == [
        "unix:/run/filterd/milter.sock",
        "inet:0.0.0.0:8895",
    ]
    assert loaded.origin("thresholds.reject") == "$FILTERD_THRESHOLDS__REJECT"


def test_a_secret_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    secret = write(tmp_path, "token", "s3cret\n")
    loaded = from_environment(HTTP__TOKEN_FILE=str(secret))
    assert loaded.settings.http.token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(loaded)


def test_service_links_of_kubernetes_are_no_settings() -> None:
    from_environment(
        SERVICE_HOST="10.0.0.1",
        SERVICE_PORT="8895",
        SERVICE_PORT_MILTER="8895",
        PORT="tcp://10.0.0.1:8895",
        PORT_8895_TCP_ADDR="10.0.0.1",
    )


def test_an_unknown_variable_is_an_error() -> None:
    found = problems(
        environment={"FILTERD_THRESHOLD__TAG": "3", "FILTERD_X Y": "1", "HOME": "/"}
    )
    assert found == [
        "FILTERD_X Y: not the name of a setting",
        '$FILTERD_THRESHOLD__TAG: threshold: unknown key; did you mean "thresholds"?',
    ]


def test_the_command_line_wins(tmp_path: Path) -> None:
    main = write(tmp_path, "f.toml", "[thresholds]\ntag = 5\n")
    loaded = load(main, {"thresholds.tag": "4.5"}, {"FILTERD_THRESHOLDS__TAG": "3"})
    assert loaded.settings.thresholds.tag == 4.5
    assert loaded.origin("thresholds.tag") == "--set"
