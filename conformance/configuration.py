"""Put a target's configuration together from flags, a TOML file and the environment, in that order of weight."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from conformance.errors import ConfigurationError
from conformance.target import Budgets, Credentials, TargetClass, TargetConfig, Timeouts, parse_credentials

__all__ = ["build_target", "read_target_file"]

API_KEYS_VARIABLE = "TONPO_API_KEY"
ACCOUNTS_VARIABLE = "TONPO_ACCOUNT"
BAD_ACCOUNT_VARIABLE = "TONPO_BAD_ACCOUNT"
"""Several keys or accounts in one variable are separated by spaces."""

_SECRETS = {"api_keys": API_KEYS_VARIABLE, "accounts": ACCOUNTS_VARIABLE, "bad_account": BAD_ACCOUNT_VARIABLE}
_KNOWN = {one.name for one in fields(TargetConfig)} - set(_SECRETS)

Section = TypeVar("Section", Timeouts, Budgets)


def read_target_file(path: Path) -> dict[str, Any]:
    """Read a target file. Raises ConfigurationError for a field that does not exist, and for secrets in the file."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigurationError(str(path), f"cannot be read: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(str(path), f"is not TOML: {problem}") from problem
    for name in settings:
        if name in _SECRETS:
            raise ConfigurationError(f"{path}: {name}", f"secrets do not belong into a file; set ${_SECRETS[name]}")
        if name not in _KNOWN:
            raise ConfigurationError(f"{path}: {name}", f"no such field; there are {', '.join(sorted(_KNOWN))}")
    return settings


def build_target(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any] | None = None
) -> TargetConfig:
    """Merge `flags` (None and empty ones are absent) over the file over the defaults. Raises ConfigurationError."""
    given = {name: value for name, value in flags.items() if value is not None and value is not False and value != ()}
    settings: dict[str, Any] = {**(file or {}), **given}
    keys = settings.pop("api_keys", ()) or tuple(environment.get(API_KEYS_VARIABLE, "").split())
    accounts = settings.pop("accounts", ()) or tuple(environment.get(ACCOUNTS_VARIABLE, "").split())
    bad = settings.pop("bad_account", None) or environment.get(BAD_ACCOUNT_VARIABLE) or None
    if "url" not in settings:
        raise ConfigurationError("url", "missing; give it as the argument or in the target file")
    return TargetConfig(
        url=_text(settings, "url", ""),
        profile=_text(settings, "profile", "core"),
        target_class=_target_class(settings.get("target_class", "live")),
        api_keys=tuple(keys),
        accounts=_credentials(accounts),
        bad_account=parse_credentials(bad, "bad_account") if bad else None,
        allow_orders=_boolean(settings, "allow_orders", False),
        symbol=_text(settings, "symbol", "EURUSD"),
        volume=_volume(settings.get("volume", "0.01"), "volume"),
        max_volume=_volume(settings.get("max_volume", "0.10"), "max_volume"),
        only=tuple(settings.get("only", ())),
        seed=_number(settings, "seed", 1),
        timeouts=_section(Timeouts, settings.get("timeouts", {}), "timeouts"),
        budgets=_section(Budgets, settings.get("budgets", {}), "budgets"),
        tls_verify=_boolean(settings, "tls_verify", True),
        ca_file=settings.get("ca_file"),
    )


def _credentials(texts: tuple[str, ...]) -> tuple[Credentials, ...]:
    found = tuple(parse_credentials(text, f"accounts[{index}]") for index, text in enumerate(texts))
    logins = [(one.login, one.server) for one in found]
    if len(set(logins)) != len(logins):
        raise ConfigurationError("accounts", "a login is given twice; each user needs an account of its own")
    return found


def _target_class(value: object) -> TargetClass:
    try:
        return TargetClass(str(value))
    except ValueError:
        known = ", ".join(one.value for one in TargetClass)
        raise ConfigurationError("target_class", f"{value!r} is none of {known}") from None


def _volume(value: object, name: str) -> Decimal:
    try:
        volume = Decimal(str(value))
    except InvalidOperation:
        raise ConfigurationError(name, f"{value!r} is not a number of lots") from None
    if not volume.is_finite():
        raise ConfigurationError(name, f"{value!r} is not a number of lots")
    return volume


def _text(settings: Mapping[str, Any], name: str, default: str) -> str:
    value = settings.get(name, default)
    if not isinstance(value, str):
        raise ConfigurationError(name, f"{value!r} is not a text")
    return value


def _number(settings: Mapping[str, Any], name: str, default: int) -> int:
    value = settings.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(name, f"{value!r} is not an integer")
    return value


def _boolean(settings: Mapping[str, Any], name: str, default: bool) -> bool:
    value = settings.get(name, default)
    if not isinstance(value, bool):
        raise ConfigurationError(name, f"{value!r} is neither true nor false")
    return value


def _section(kind: type[Section], values: object, name: str) -> Section:
    if not isinstance(values, Mapping):
        raise ConfigurationError(name, "a table is expected")
    known = {one.name for one in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ConfigurationError(f"{name}.{key}", f"no such field; there are {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigurationError(f"{name}.{key}", f"{value!r} is not a number")
    return kind(**values)
