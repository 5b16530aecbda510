"""The command that a report prints does the same run again."""

import shlex
import tomllib
from dataclasses import replace
from decimal import Decimal

import pytest

from conformance.cli import run
from conformance.configuration import build_target
from conformance.reporters.reproduction import describe_reproduction
from conformance.target import Budgets, Credentials, TargetClass, TargetConfig, Timeouts

PLAIN = TargetConfig("http://gateway.example")
ACCOUNT = Credentials("123", "pw-8f3a1c", "Server")


def parsed_again(target: TargetConfig) -> TargetConfig:
    described = describe_reproduction(target)
    words = shlex.split(described["command"])
    assert words[:3] == ["tonpo", "conformance", "run"]
    flags = run.make_context("run", words[3:]).params
    assert bool(flags.pop("target_file")) is (described["target_file"] is not None)
    flags.pop("report_folder")
    file = tomllib.loads(described["target_file"] or "")
    if flags.pop("insecure"):
        file["tls_verify"] = False
    return build_target(flags, {}, file)


@pytest.mark.parametrize(
    "target",
    [
        PLAIN,
        replace(PLAIN, seed=77, profile="all", only=("orders", "TONPO-SYS-*")),
        replace(PLAIN, target_class=TargetClass.DEMO, allow_orders=True, symbol="XAU USD'", volume=Decimal("0.02")),
        replace(PLAIN, tls_verify=False, timeouts=Timeouts(request=2.5), budgets=Budgets(users=3, orders=5)),
        replace(PLAIN, url="https://gateway.example/base", ca_file='/etc/"ca".pem'),
    ],
)
def test_the_command_means_the_same_target(target: TargetConfig) -> None:
    assert parsed_again(target) == target


def test_secrets_are_told_as_variables() -> None:
    target = replace(PLAIN, api_keys=("key-one", "key-two"), accounts=(ACCOUNT,), bad_account=ACCOUNT)
    described = describe_reproduction(target)
    assert [one["name"] for one in described["environment"]] == ["TONPO_API_KEY", "TONPO_ACCOUNT", "TONPO_BAD_ACCOUNT"]
    assert not any(secret in str(described) for secret in ("key-one", "key-two", "pw-8f3a1c"))
