"""Settings of the gateway, read once: from flags, then the environment (`TONPO_PORT`), then a TOML file, then defaults.

A setting has one name everywhere: `port` is `--port`, `TONPO_PORT` and `port = 8080`. Each declares its unit, default
and reason below; secrets can be given by environment, file or a file of their own, never by flag, where every user of
the machine could read them in the list of processes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from reference_server import reading
from reference_server.domain.plans import PLANS
from reference_server.edge_settings import EdgeSettings
from reference_server.setting import Meaning
from reference_server.setting import means as _means

ENVIRONMENT_PREFIX: Final = "TONPO_"


class ConfigError(Exception):
    """A setting cannot be used. The message names the setting, its value, where it came from and what would do."""


@dataclass(frozen=True, slots=True)
class Settings(EdgeSettings):
    """Everything an operator can choose. `load_settings` makes paths absolute and derives `database_url`."""

    host: str = field(
        default="127.0.0.1",
        metadata=_means(reading.text, "address", "reachable from this machine only, until someone decides else"),
    )
    port: int = field(
        default=8080, metadata=_means(reading.whole(0, 65535), "TCP port", "free for every user; 0 takes any free one")
    )
    data_dir: Path = field(
        default=Path("var/tonpo"),
        metadata=_means(reading.path, "directory", "database and secrets; below the working directory, easy to find"),
    )
    database_url: str = field(
        default="",
        metadata=_means(
            reading.text, "URL", "sqlite:///DATA_DIR/tonpo.db unless given: the embedded form needs no other server"
        ),
    )
    master_keys: str | None = field(
        default=None,
        repr=False,
        metadata=_means(
            reading.text, "base64 keys, newest first", "made in DATA_DIR/master_keys on the first start", is_secret=True
        ),
    )
    master_keys_file: Path | None = field(
        default=None, metadata=_means(reading.path, "file", "for secrets mounted by an orchestrator; mode 0600")
    )
    api_key_pepper: str | None = field(
        default=None,
        repr=False,
        metadata=_means(
            reading.text, "base64 key", "made in DATA_DIR/api_key_pepper on the first start", is_secret=True
        ),
    )
    api_key_pepper_file: Path | None = field(default=None, metadata=_means(reading.path, "file", "as master_keys_file"))
    terminal: str = field(
        default="simulated",
        metadata=_means(
            reading.one_of("simulated", "metatrader5", "mt5linux", "none"), "kind", "needs no broker and no Windows"
        ),
    )
    simulator_seed: int = field(
        default=1,
        metadata=_means(reading.whole(0, 2**63 - 1), "number", "the same clock shows the same prices at each start"),
    )
    simulator_config: Path | None = field(
        default=None, metadata=_means(reading.path, "TOML file", "without it the default broker, with simulator_seed")
    )
    simulator_process: str = field(
        default="inline",
        metadata=_means(
            reading.one_of("inline", "shared", "per_account"),
            "inline, shared, per_account",
            "in the gateway's process, where an order takes microseconds; the others run it as real terminals are run",
        ),
    )
    simulator_address: str | None = field(
        default=None,
        metadata=_means(reading.text, "socket path or host:port", "of a broker that `tonpo simulator serve` runs"),
    )
    simulator_token: str | None = field(
        default=None,
        repr=False,
        metadata=_means(reading.text, "token", "what a simulator served at a port asks for", is_secret=True),
    )
    terminal_template: Path | None = field(
        default=None,
        metadata=_means(
            reading.path, "directory", "an installed MetaTrader 5: each account gets a copy, one terminal for each path"
        ),
    )
    terminal_start_timeout_ms: int = field(
        default=120_000,
        metadata=_means(
            reading.whole(1_000, 600_000), "milliseconds", "a first start with its login takes 10 to 100 seconds"
        ),
    )
    mt5linux_endpoints: tuple[tuple[str, int], ...] = field(
        default=(), metadata=_means(reading.places, "HOST:PORT,...", "one mt5linux server for each account")
    )
    mt5linux_terminal_path: str | None = field(
        default=None,
        metadata=_means(reading.text, "path of terminal64.exe there", "without it each server finds its own terminal"),
    )
    server_zones: tuple[tuple[str, str], ...] = field(
        default=(),
        metadata=_means(
            reading.zones,
            "SERVER=ZONE,...",
            "found from the ticks; a clock that never changes, as UTC+3, cannot be told in summer from one that does",
        ),
    )
    node_enrolment: bool = field(
        default=True,
        metadata=_means(
            reading.switch, "switch", "a user's terminal beside the user; off, no new node is taken, and old ones stay"
        ),
    )
    order_deadline_ms: int = field(
        default=30_000,
        metadata=_means(
            reading.whole(1_000, 600_000),
            "milliseconds",
            "then the terminal's process is killed; brokers take seconds",
        ),
    )
    lost_order_answer_ms: int = field(
        default=30_000,
        metadata=_means(
            reading.whole(0, 600_000),
            "milliseconds",
            "how long a client waits for an order whose answer was lost, and an order for its turn",
        ),
    )
    lost_order_settle_ms: int = field(
        default=5_000,
        metadata=_means(
            reading.whole(0, 600_000), "milliseconds", "trades show up to a second late; meanwhile no other is sent"
        ),
    )
    lost_order_watch_ms: int = field(
        default=300_000,
        metadata=_means(
            reading.whole(0, 86_400_000), "milliseconds", "how long a lost order is looked for in all, for the stream"
        ),
    )
    journal_durability: str = field(
        default="power_cut",
        metadata=_means(
            reading.one_of("power_cut", "process"),
            "power_cut, process",
            "what an order's record survives before the order is sent; on slow disks, process saves the wait",
        ),
    )
    tick_poll_interval_ms: int = field(
        default=20,
        metadata=_means(
            reading.whole(1, 10_000),
            "milliseconds",
            "how often new ticks are asked for; most symbols move slower",
        ),
    )
    default_plan: str = field(
        default="free", metadata=_means(reading.one_of(*PLANS), "plan", "a stranger who registers gets the least")
    )
    registration_open: bool = field(
        default=True, metadata=_means(reading.switch, "switch", "the docs say that POST /api/users needs no key")
    )
    registrations_per_minute: int = field(
        default=60,
        metadata=_means(
            reading.whole(1, 1_000_000), "users per minute and client address", "bounds what a stranger can fill"
        ),
    )
    audit_keep_days: int = field(
        default=400, metadata=_means(reading.whole(1, 36_500), "days", "a year and what it takes to notice")
    )
    max_body_bytes: int = field(
        default=65_536, metadata=_means(reading.whole(1_024, 2**30), "bytes", "no body of the contract comes near")
    )
    max_json_depth: int = field(
        default=32, metadata=_means(reading.whole(4, 256), "levels", "no body of the contract nests deeper than three")
    )
    ws_max_message_bytes: int = field(
        default=65_536, metadata=_means(reading.whole(1_024, 2**30), "bytes", "500 symbols fit ten times over")
    )
    ws_max_symbols: int = field(
        default=500, metadata=_means(reading.whole(1, 500), "symbols per socket", "the contract's own upper bound")
    )
    ws_send_queue_events: int = field(
        default=1_000,
        metadata=_means(
            reading.whole(1, 1_000_000), "events per socket", "account events that may wait before 4408; under 1 MB"
        ),
    )
    ws_max_sockets: int = field(
        default=1_000,
        metadata=_means(reading.whole(1, 1_000_000), "sockets per user", "one key must not use up the process's files"),
    )
    ws_messages_per_second: int = field(
        default=50,
        metadata=_means(
            reading.whole(1, 1_000_000),
            "messages per socket",
            "one subscribes 500 symbols; ten times that: 4429",
        ),
    )
    ws_heartbeat_ms: int = field(
        default=5_000,
        metadata=_means(
            reading.whole(100, 12_000),
            "milliseconds",
            "at most 15 s of silence, a quarter of this late",
        ),
    )
    tls_cert: Path | None = field(
        default=None, metadata=_means(reading.path, "PEM file", "without it plain HTTP: for this machine or a proxy")
    )
    tls_key: Path | None = field(default=None, metadata=_means(reading.path, "PEM file", "belongs to tls_cert"))
    log_level: str = field(
        default="info",
        metadata=_means(
            reading.one_of("debug", "info", "warning", "error", "critical"), "level", "one line per request and change"
        ),
    )
    log_format: str = field(
        default="auto",
        metadata=_means(
            reading.one_of("auto", "json", "console"), "format", "console on a terminal, JSON where a collector reads"
        ),
    )


def meaning_of(setting: Field[Any]) -> Meaning:
    """Return what a field of Settings declares; for help texts and documentation."""
    meaning = setting.metadata["meaning"]
    assert isinstance(meaning, Meaning)
    return meaning


def load_settings(
    flags: Mapping[str, object], environment: Mapping[str, str], config_file: Path | None = None
) -> Settings:
    """Combine the sources; a flag that is None was not given. Raises ConfigError for the first wrong setting."""
    listed = _file(config_file)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in fields(Settings):
        name, meaning = setting.name, meaning_of(setting)
        given = _first_given(name, flags, environment, listed, config_file)
        if given is None:
            assert setting.default is not MISSING
            values[name], sources[name] = setting.default, "default"
            continue
        value, sources[name] = given
        try:
            values[name] = meaning.read(value)
        except ValueError as error:
            raise _wrong(name, "…" if meaning.is_secret else value, sources[name], str(error)) from error
        if isinstance(values[name], Path) and config_file is not None and value is listed.get(name):
            values[name] = config_file.parent / values[name]  # a file speaks of its own neighbours
    return _resolved(values, sources)


def _first_given(
    name: str,
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    listed: Mapping[str, object],
    config_file: Path | None,
) -> tuple[object, str] | None:
    if flags.get(name) is not None:
        return flags[name], f"flag --{name.replace('_', '-')}"
    variable = ENVIRONMENT_PREFIX + name.upper()
    if environment.get(variable, "") != "":
        return environment[variable], f"environment variable {variable}"
    if name in listed:
        return listed[name], f"file {config_file}"
    return None


def _file(path: Path | None) -> Mapping[str, object]:
    if path is None:
        return {}
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {path} is not TOML: {error}") from error
    known = [setting.name for setting in fields(Settings)]
    for name in listed:
        if name not in known:
            raise ConfigError(f"{name} (file {path}): no such setting; the settings are {', '.join(known)}")
    return listed


def _resolved(values: dict[str, Any], sources: Mapping[str, str]) -> Settings:
    for name, value in values.items():
        if isinstance(value, Path):
            values[name] = value.absolute()
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if values[one] is not None and values[other] is None:
            raise _wrong(one, values[one], sources[one], f"{other} is needed as well")
        if values[one] is not None and not values[one].is_file():
            raise _wrong(one, values[one], sources[one], "there is no such file")
    if not values["database_url"]:
        values["database_url"] = f"sqlite:///{values['data_dir'] / 'tonpo.db'}"
    return Settings(**values)


def _wrong(name: str, value: object, source: str, problem: str) -> ConfigError:
    shown = str(value) if isinstance(value, Path) else repr(value)
    return ConfigError(f"{name} = {shown} ({source}): {problem}")
