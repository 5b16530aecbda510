"""How to do a run again: the command line, the variables that it reads and the target file that it needs."""

import shlex
from dataclasses import fields
from typing import Any

from conformance.configuration import ACCOUNTS_VARIABLE, API_KEYS_VARIABLE, BAD_ACCOUNT_VARIABLE
from conformance.target import Budgets, TargetConfig, Timeouts

__all__ = ["describe_reproduction"]

TARGET_FILE = "target.toml"


def describe_reproduction(target: TargetConfig) -> dict[str, Any]:
    """Return the command, what its variables hold (no values: they are secrets) and the target file's text."""
    file = _target_file(target)
    words = ["tonpo", "conformance", "run", target.url]
    words += ["--profile", target.profile, "--target-class", target.target_class.value]
    words += ["--seed", str(target.seed), "--symbol", target.symbol]
    words += ["--volume", str(target.volume), "--max-volume", str(target.max_volume)]
    words += ["--allow-orders"] if target.allow_orders else []
    words += [] if target.tls_verify else ["--insecure"]
    words += [word for pattern in target.only for word in ("--only", pattern)]
    words += ["--target", TARGET_FILE] if file else []
    return {
        "command": shlex.join([*words, "--report", "report"]),
        "environment": _environment(target),
        "target_file": file,
    }


def _environment(target: TargetConfig) -> list[dict[str, str]]:
    found = []
    if target.api_keys:
        many = _many(len(target.api_keys), "API key")
        found.append({"name": API_KEYS_VARIABLE, "holds": f"{many}, separated by spaces"})
    if target.accounts:
        many = _many(len(target.accounts), "MT5 account")
        found.append({"name": ACCOUNTS_VARIABLE, "holds": f"{many} as LOGIN:PASSWORD@SERVER, separated by spaces"})
    if target.bad_account is not None:
        found.append({"name": BAD_ACCOUNT_VARIABLE, "holds": "credentials that the broker refuses"})
    return found


def _target_file(target: TargetConfig) -> str | None:
    """Return what only a target file can say, as TOML; None when nothing differs from the defaults."""
    lines = [f"ca_file = {_toml(target.ca_file)}"] if target.ca_file else []
    for name, section, standard in (
        ("timeouts", target.timeouts, Timeouts()),
        ("budgets", target.budgets, Budgets()),
    ):
        changed = [
            f"{one.name} = {getattr(section, one.name)}"
            for one in fields(section)
            if getattr(section, one.name) != getattr(standard, one.name)
        ]
        if changed:
            lines += [f"[{name}]", *changed]
    return "\n".join(lines) + "\n" if lines else None


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
