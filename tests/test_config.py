"""Settings: which source wins, and errors that name setting, value and source."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from reference_server.config import ConfigError, Settings, load_settings, meaning_of


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tonpo.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_valid_and_derive_the_database_from_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({}, {})
    assert (settings.host, settings.port, settings.default_plan) == ("127.0.0.1", 8080, "free")
    assert settings.data_dir == tmp_path / "var" / "tonpo"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/tonpo/tonpo.db"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_states_unit_and_reason_and_reads_its_own_default(setting: object) -> None:
    field = next(field for field in fields(Settings) if field is setting)
    meaning = meaning_of(field)
    assert meaning.unit
    assert meaning.reason
    if field.default not in (None, "", ()):
        assert meaning.read(field.default) == field.default
        assert meaning.read(str(field.default)) == field.default


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = toml(tmp_path, "port = 1\nmax_body_bytes = 2000\nws_max_symbols = 3\n")
    environment = {"TONPO_PORT": "4", "TONPO_MAX_BODY_BYTES": "5000"}
    settings = load_settings({"port": 6, "host": None}, environment, file)
    assert (settings.port, settings.max_body_bytes, settings.ws_max_symbols) == (6, 5000, 3)
    assert settings.host == "127.0.0.1"


def test_empty_environment_variable_counts_as_absent() -> None:
    assert load_settings({}, {"TONPO_PORT": ""}).port == 8080


@pytest.mark.parametrize("word", ["false", "FALSE", "no", "off", "0"])
def test_switches_are_read_from_words(word: str) -> None:
    assert load_settings({}, {"TONPO_REGISTRATION_OPEN": word}).registration_open is False


def test_paths_of_a_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    file = toml(tmp_path / "etc", 'data_dir = "data"\n')
    assert load_settings({}, {}, file).data_dir == tmp_path / "etc" / "data"
    assert load_settings({"data_dir": "data"}, {}, file).data_dir == tmp_path / "work" / "data"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TONPO_PORT": "x"}, "port = 'x' (environment variable TONPO_PORT): expected a whole number from 0 to 65535"),
        (
            {"TONPO_PORT": "65536"},
            "port = '65536' (environment variable TONPO_PORT): expected a whole number from 0 to 65535",
        ),
        (
            {"TONPO_REGISTRATION_OPEN": "maybe"},
            "registration_open = 'maybe' (environment variable TONPO_REGISTRATION_OPEN): expected true or false",
        ),
        (
            {"TONPO_DEFAULT_PLAN": "gold"},
            "default_plan = 'gold' (environment variable TONPO_DEFAULT_PLAN): "
            "expected one of free, basic, pro, enterprise",
        ),
        (
            {"TONPO_TERMINAL": "metatrader4"},
            "terminal = 'metatrader4' (environment variable TONPO_TERMINAL): "
            "expected one of simulated, metatrader5, mt5linux, none",
        ),
        (
            {"TONPO_MT5LINUX_ENDPOINTS": "localhost:18812,wine"},
            "mt5linux_endpoints = 'localhost:18812,wine' (environment variable TONPO_MT5LINUX_ENDPOINTS): "
            "expected HOST:PORT, several with commas between, and 'wine' is none",
        ),
        (
            {"TONPO_SERVER_ZONES": "Broker-Live=UTC+3,Other"},
            "server_zones = 'Broker-Live=UTC+3,Other' (environment variable TONPO_SERVER_ZONES): "
            "expected SERVER=ZONE, several with commas between, and 'Other' is none",
        ),
        (
            {"TONPO_SERVER_ZONES": "Broker-Live=Mars+3"},
            "server_zones = 'Broker-Live=Mars+3' (environment variable TONPO_SERVER_ZONES): "
            "'Mars+3' is no time zone of a server: write one like UTC+3, Europe/Athens or America/New_York+7.",
        ),
    ],
)
def test_error_names_setting_value_source_and_remedy(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({}, environment)
    assert str(caught.value) == message


def test_clocks_of_servers_are_read_by_name() -> None:
    settings = load_settings({"server_zones": "Broker-Live=UTC+3, Other=America/New_York+7"}, {})
    assert dict(settings.server_zones) == {"Broker-Live": "UTC+3", "Other": "America/New_York+7"}


def test_error_names_the_flag_and_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_json_depth = 1 \(flag --max-json-depth\): expected .* 4 to 256"):
        load_settings({"max_json_depth": 1}, {})
    file = toml(tmp_path, "port = true\n")
    with pytest.raises(ConfigError, match=rf"port = True \(file {file}\): expected a whole number"):
        load_settings({}, {}, file)


@pytest.mark.parametrize("text", ["port = 80.5", 'host = ""', "host = 5", "data_dir = []", 'registration_open = "ja"'])
def test_value_of_the_wrong_kind_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=text.split()[0]):
        load_settings({}, {}, toml(tmp_path, text))


def test_unknown_setting_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prot \(file .*\): no such setting; the settings are .*, host, port"):
        load_settings({}, {}, toml(tmp_path, "prot = 1\n"))


def test_unreadable_and_broken_files_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_settings({}, {}, tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings({}, {}, toml(tmp_path, "port == 1"))


def test_certificate_and_key_come_together_and_must_exist(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(ConfigError, match=r"tls_cert = .*cert\.pem \(flag --tls-cert\): tls_key is needed as well"):
        load_settings({"tls_cert": cert}, {})
    with pytest.raises(ConfigError, match=r"tls_key .*: tls_cert is needed as well"):
        load_settings({"tls_key": key}, {})
    with pytest.raises(ConfigError, match=r"tls_cert .*: there is no such file"):
        load_settings({"tls_cert": cert, "tls_key": key}, {})
    cert.touch()
    key.touch()
    assert load_settings({"tls_cert": cert, "tls_key": key}, {}).tls_key == key


def test_secrets_show_neither_in_repr_nor_in_errors(tmp_path: Path) -> None:
    settings = load_settings({}, {"TONPO_MASTER_KEYS": "hush", "TONPO_API_KEY_PEPPER": "hush"})
    assert settings.master_keys == "hush"
    assert "hush" not in repr(settings)
    with pytest.raises(ConfigError, match=r"master_keys = '…'") as caught:
        load_settings({}, {}, toml(tmp_path, "master_keys = [1234567]\n"))
    assert "1234567" not in str(caught.value)
