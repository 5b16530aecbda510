"""`tonpo serve` and `tonpo admin` as an operator runs them: in a process of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_server.api.server import listen
from tonpo_spec.cli import tonpo

from .certificates import self_signed


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str) -> Done:
    """Run `tonpo` to its end, inside this process: for what ends before anything is served."""
    done = CliRunner().invoke(tonpo, words, prog_name="tonpo")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def run_apart(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `tonpo` to its end in a process of its own."""
    code = "from tonpo_spec.cli import main; main()"
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, env=environment, check=False
    )


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run `tonpo serve` on a free port; gives the process, its URL and what it printed until it listened."""
    code = "from tonpo_spec.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0", *words],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        printed = ""
        while "a key" not in printed:
            line = process.stderr.readline()
            assert line, f"ended with {process.wait()}: {printed}"
            printed += line
        found = re.search(r"at (https?://\S+)", printed)
        assert found is not None, printed
        yield process, found[1], printed
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def call(url: str, *, key: str | None = None, body: bytes | None = None, method: str = "GET") -> dict[str, object]:
    headers = {"X-API-Key": key} if key else {}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        loaded: dict[str, object] = json.load(answer)
        return loaded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_where_it_listens_and_stops_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with serving("--data-dir", str(tmp_path / "data")) as (process, url, printed):
        for wanted in (f"{url}/openapi.yaml", f"{url.replace('http', 'ws')}/ws", str(tmp_path / "data"),
                       f"curl -X POST {url}/api/users"):  # fmt: skip
            assert wanted in printed
        assert call(f"{url}/health")["status"] == "ok"
        address = url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))):
            process.send_signal(number)
            assert process.wait(15) == 0
        assert process.stderr is not None
        rest = process.stderr.read()
        assert "The gateway has stopped." in rest
        assert "Traceback" not in rest
    assert sorted(one.name for one in (tmp_path / "data").iterdir() if one.suffix == ".db") == [
        "journal.db",
        "tonpo.db",
    ]


def test_a_user_and_its_key_survive_a_restart_and_admin_can_change_the_plan(tmp_path: Path) -> None:
    created = run("admin", "users", "create", "--plan", "pro", "--data-dir", str(tmp_path))
    assert created.returncode == 0, created.stderr
    found = re.fullmatch(r"user_id  (usr_\w+)\napi_key  (sk_live_tonpo_\w+)\n", created.stdout)
    assert found is not None, created.stdout
    for plan in ("pro", "basic"):
        assert run("admin", "users", "plan", found[1], plan, "--data-dir", str(tmp_path)).returncode == 0
        with serving("--data-dir", str(tmp_path)) as (_, url, _printed):
            me = call(f"{url}/api/users/me", key=found[2])
            assert (me["user_id"], me["plan"]) == (found[1], plan)


def test_admin_lists_users_and_no_key(tmp_path: Path) -> None:
    made = [run("admin", "users", "create", "--plan", plan, "--data-dir", str(tmp_path)) for plan in ("pro", "free")]
    listed = run("admin", "users", "list", "--data-dir", str(tmp_path))
    assert listed.returncode == 0, listed.stderr
    ids = {done.stdout.split()[1]: done.stdout.split()[3] for done in made}
    rows = {line.split()[0]: line.split()[1:] for line in listed.stdout.splitlines()}
    assert {user_id: row[0] for user_id, row in rows.items()} == dict(zip(ids, ("pro", "free"), strict=True))
    for user_id, key in ids.items():
        assert rows[user_id][2] == f"…{key[-4:]}"
        assert key not in listed.stdout


def test_second_gateway_on_the_same_data_is_refused_and_admin_is_not(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    elsewhere = ("--data-dir", str(tmp_path / "other"), "--database-url", f"sqlite:///{tmp_path}/data/tonpo.db")
    with serving(*data) as (process, url, _printed):
        for words in (data, elsewhere):
            assert_refused(run_apart("serve", "--port", "0", *words), "nother gateway is running on", "--data-dir")
        assert run("admin", "users", "create", *data).returncode == 0
        assert call(f"{url}/health")["status"] == "ok"
        process.kill()
        process.wait()
    with serving(*data) as (_, url, _printed):
        assert call(f"{url}/health")["status"] == "ok"


def assert_refused(done: Done | subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Error:") == 1
    for word in words:
        assert word in done.stderr, done.stderr


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(run("serve", "--port", port, "--data-dir", str(tmp_path)), port, "in use", "--port 0")


def test_an_unknown_host_is_said(tmp_path: Path) -> None:
    assert_refused(run("serve", "--host", "no.such.host.invalid", "--data-dir", str(tmp_path)), "no.such.host.invalid")


def test_a_data_directory_that_is_a_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert_refused(run("serve", "--port", "0", "--data-dir", str(file)), str(file))


def test_a_database_that_is_none_is_said(tmp_path: Path) -> None:
    run("admin", "users", "create", "--data-dir", str(tmp_path))
    (tmp_path / "tonpo.db").write_bytes(b"this is not a database" * 1000)
    assert_refused(run_apart("serve", "--port", "0", "--data-dir", str(tmp_path)), "tonpo.db")


def test_a_damaged_file_of_the_simulated_broker_is_said(tmp_path: Path) -> None:
    (tmp_path / "simulator.json").write_text("{")
    assert_refused(run_apart("serve", "--port", "0", "--data-dir", str(tmp_path)), "simulator.json")


@pytest.mark.parametrize(
    "words",
    [("--port", "99999"), ("--port", "x"), ("--terminal", "abacus"), ("--default-plan", "gold"), ("--colour", "red"),
     ("--log-level", "loud"), ("--config", "no-such-file.toml"), ("--database-url", "mysql://x")],
)  # fmt: skip
def test_a_bad_option_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    named = words[1] if words[0] == "--config" else words[0].lstrip("-").split("-")[0]
    assert_refused(run("serve", "--data-dir", str(tmp_path), *words), named)


def test_tls_files_that_are_missing_or_damaged_are_said(tmp_path: Path) -> None:
    pem = tmp_path / "cert.pem"
    pem.write_text("not a certificate")
    place = ("--data-dir", str(tmp_path / "data"))
    assert_refused(run("serve", *place, "--tls-cert", str(pem)), "tls_key")
    assert_refused(run("serve", *place, "--tls-cert", str(pem), "--tls-key", str(tmp_path / "none")), "no such file")
    assert_refused(run("serve", *place, "--tls-cert", str(pem), "--tls-key", str(pem)), str(pem), "PEM")


def test_an_unknown_user_or_plan_is_said(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path))
    assert run("admin", "users", "create", *place).returncode == 0
    assert_refused(run("admin", "users", "plan", "usr_none", "pro", *place), "usr_none")
    assert_refused(run("admin", "users", "plan", "usr_none", "gold", *place), "gold")


@pytest.mark.parametrize("words", [("serve",), ("admin",), ("admin", "users"), ("admin", "users", "create")])
def test_help_is_there_with_an_example(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    if words != ("admin",):
        assert "Example: tonpo" in done.stdout


def test_serve_over_tls(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key), "--data-dir", str(tmp_path / "data"))
    with serving(*flags, "--host", "localhost") as (_, url, printed):
        assert url.startswith("https://localhost:")
        assert "wss://" in printed
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"{url}/health", context=context, timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"


def test_what_cannot_be_the_name_of_a_host_is_refused_in_a_sentence(tmp_path: Path) -> None:
    refused = run("serve", "--host", "nonsense..host", "--port", "0", "--data-dir", str(tmp_path))
    assert_refused(refused, "Cannot listen on nonsense..host", "no name of a host")
