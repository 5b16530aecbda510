"""`tonpo node`: every mistake is one sentence and exit code 2, before anything is dialled."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_server.node.folder import owned_folder
from tonpo_spec.cli import tonpo

GATEWAY = ("--gateway", "http://127.0.0.1:9")


def mistake(*words: str, environment: dict[str, str] | None = None) -> str:
    done = CliRunner().invoke(tonpo, ["node", *words], prog_name="tonpo", env=environment or {})
    assert done.exit_code == 2, done.output
    assert done.stderr.count("Error: ") == 1
    return " ".join(done.stderr.split("Error: ")[1].replace("│", " ").split())


def test_a_token_is_taken_from_no_flag() -> None:
    assert "No such option" in mistake(*GATEWAY, "--node-dir", "node", "--auth-token", "t" * 43)


def test_gateway_and_folder_are_needed() -> None:
    assert "--gateway" in mistake("--node-dir", "node")
    assert "--node-dir" in mistake(*GATEWAY)


def test_without_a_node_and_without_a_token_it_says_what_to_do(tmp_path: Path) -> None:
    told = mistake(*GATEWAY, "--node-dir", str(tmp_path / "node"))
    assert "No node lives in" in told
    assert "TONPO_NODE_AUTH_TOKEN" in told


@pytest.mark.parametrize("content", [None, b"", b"too-short", b"\xff" * 43, b"t" * 44])
def test_a_file_that_holds_no_token_is_told_and_not_shown(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    told = mistake(*GATEWAY, "--node-dir", str(tmp_path / "node"), "--auth-token-file", str(file))
    assert "--auth-token-file" in told
    assert "too-short" not in told


def test_a_variable_that_holds_no_token_is_told_and_not_shown(tmp_path: Path) -> None:
    environment = {"TONPO_NODE_AUTH_TOKEN": "too-short"}
    told = mistake(*GATEWAY, "--node-dir", str(tmp_path / "node"), environment=environment)
    assert "TONPO_NODE_AUTH_TOKEN" in told
    assert "too-short" not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gateway", "gateway.example"), "expected a URL"),
        (("--gateway", "http://gateway.example"), "--insecure-plain-http"),
        ((*GATEWAY, "--tls-ca", "no-such-file"), "--tls-ca no-such-file cannot be used"),
        ((*GATEWAY, "--config", "no-such-file"), "the configuration file"),
        ((*GATEWAY, "--terminal", "metatrader5"), "terminal_template is needed"),
        ((*GATEWAY, "--terminal", "mt5linux"), "mt5linux_endpoints is empty"),
        ((*GATEWAY, "--mt5linux-endpoints", "nowhere"), "mt5linux_endpoints"),
        ((*GATEWAY, "--simulator-config", "no-such-file"), "simulator_config"),
        ((*GATEWAY, "--simulator-address", "host:port:port"), "simulator_address"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    environment = {"TONPO_NODE_AUTH_TOKEN": "t" * 43}
    said = mistake(*words, "--node-dir", str(tmp_path / "node"), environment=environment)
    assert told.lower() in said.lower()


def test_a_folder_that_another_agent_uses_is_told(tmp_path: Path) -> None:
    with owned_folder(tmp_path / "node"):
        environment = {"TONPO_NODE_AUTH_TOKEN": "t" * 43}
        assert "Another agent is running" in mistake(
            *GATEWAY, "--node-dir", str(tmp_path / "node"), environment=environment
        )
