"""What the documentation tells people to type works.

Every `tonpo` command of a `console`, `bash` or `sh` block is run in an empty folder beside a served gateway, the `curl`
commands of a page are sent to it in their order, and a `make` command names a target that exists. A block that directly
follows or precedes `<!-- not run: reason -->` is left alone.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from tests.simulator_commands import check_simulator_command
from tonpo_spec.cli import tonpo
from tonpo_spec.served import ServedGateway, served_gateway, tonpo_command, tonpo_environment

ROOT = Path(__file__).parent.parent
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
BLOCK = re.compile(
    r"(?P<before><!--[^\n]*-->\n+)?^```(?P<kind>console|bash|sh)\n(?P<text>.*?)^```(?P<after>\n+<!--[^\n]*-->(?!\n+```))?",
    re.MULTILINE | re.DOTALL,
)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
GATEWAY_NAMES = re.compile(
    r"https?://(?:\{HOST\}|localhost:8080|127\.0\.0\.1:8080|[\w-]+\.example(?:\.com)?)(?=[/\s]|$)"
)
ACTIVE_WITHIN_SECONDS = 60
QUICKEST_CHECKS = ["--only", "TONPO-SYS-*"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command line of a page."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands_of(page: str, text: str) -> Iterator[Command]:
    for block in BLOCK.finditer(text):
        if NOT_RUN.search(f"{block['before']}{block['after']}"):
            continue
        lines = block["text"].replace("\\\n", " ").splitlines()
        if block["kind"] == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            command = re.sub(r"(^|\s)#.*$", "", line).strip()
            if command.split(" ")[0] in {"tonpo", "make", "curl"}:
                yield Command(page, " ".join(command.split()))


COMMANDS = [
    command for page in PAGES for command in commands_of(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
]
MAKE_COMMANDS = [command for command in COMMANDS if command.text.startswith("make")]
CURL_PAGES = sorted({command.page for command in COMMANDS if command.text.startswith("curl")})
TONPO_COMMANDS = [command for command in COMMANDS if command.text.startswith("tonpo")]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_commands_are_found_in_blocks_of_each_kind() -> None:
    text = (
        "```console\n$ tonpo spec lint   # all\nfine\n$ ls\n```\n"
        "```bash\ntonpo serve \\\n  --port 1\nmake demo\n```\n"
        "<!-- not run: needs a broker -->\n```sh\ntonpo node\n```\n"
        "text\n```sh\ntonpo node\n```\n\n<!-- not run: needs a broker -->\ntext\n"
        "```python\ntonpo\n```\n"
    )
    found = [command.text for command in commands_of("a.md", text)]
    assert found == ["tonpo spec lint", "tonpo serve --port 1", "make demo"]


def test_every_make_command_names_a_target() -> None:
    for command in MAKE_COMMANDS:
        named = {word for word in command.text.split()[1:] if "=" not in word}
        assert named <= targets(), str(command)


def test_the_front_door_has_its_targets() -> None:
    assert {"demo", "test", "help", "serve"} <= targets()
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGateway]:
    """A gateway that the commands can talk to."""
    with served_gateway(tmp_path_factory.mktemp("gateway") / "data", ["--default-plan", "enterprise"]) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, but for the contract where a checkout has it."""
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    return tmp_path


def words_of(command: Command, gateway: ServedGateway) -> list[str]:
    text = GATEWAY_NAMES.sub(gateway.url, command.text)
    return shlex.split(text)[1:]


def parse(words: list[str]) -> None:
    """Check a command line to its last option without running it."""
    with ExitStack() as stack:
        group: click.Command = tonpo
        context = stack.enter_context(tonpo.make_context("tonpo", list(words), resilient_parsing=False))
        while isinstance(group, click.Group):
            _, found, rest = group.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            group = found
            context = stack.enter_context(group.make_context(found.name, rest, parent=context))


@pytest.mark.parametrize("command", TONPO_COMMANDS, ids=str)
def test_every_tonpo_command_of_the_pages_works(command: Command, gateway: ServedGateway, folder: Path) -> None:
    words = words_of(command, gateway)
    match words:
        case ["serve", *arguments]:
            with served_gateway(folder / "data", without_place(arguments)) as served:
                assert send(["curl", f"{served.url}/health"])["status"] == "ok"
        case ["demo", *_]:
            parse(words)  # `make demo` is this command and a run of several minutes
        case ["conformance", "run", *_]:
            assert run([*words, *QUICKEST_CHECKS], gateway, folder).returncode in {0, 3}
        case ["simulator", *_]:
            check_simulator_command(words, folder)
        case ["node", *_]:
            run_node(words, gateway, folder)
        case ["admin", *_]:
            done = run([*without_place(words), "--data-dir", str(gateway.data_dir)], gateway, folder)
            assert done.returncode == 0, done.stderr
        case _:
            done = run(words, gateway, folder)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", CURL_PAGES)
def test_the_curl_commands_of_a_page_work_in_their_order(page: str, gateway: ServedGateway) -> None:
    known = {"API_KEY": "", "ACCOUNT_ID": ""}
    for command in COMMANDS:
        if command.page != page or not command.text.startswith("curl"):
            continue
        text = GATEWAY_NAMES.sub(gateway.url, command.text)
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        answer = send(shlex.split(text))
        known["API_KEY"] = answer.get("api_key", known["API_KEY"])
        if "account_id" in answer and "auth_token" in answer:
            known["ACCOUNT_ID"] = answer["account_id"]
            wait_until_active(gateway, **{name.lower(): value for name, value in known.items()})


def send(words: list[str]) -> dict[str, Any]:
    """Send what a curl command line would; fail unless the answer is a success. curl itself may be absent."""
    method, url, body, headers = "", "", None, {}
    pending = iter(words[1:])
    for word in pending:
        if word in {"-X", "--request"}:
            method = next(pending)
        elif word in {"-H", "--header"}:
            name, _, value = next(pending).partition(":")
            headers[name] = value.strip()
        elif word in {"-d", "--data"}:
            body = next(pending).encode()
        else:
            assert not word.startswith("-"), f"the option {word} is not known here"
            url = word
    request = urllib.request.Request(url, body, headers, method=method or ("POST" if body else "GET"))
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


def run_node(words: list[str], gateway: ServedGateway, folder: Path) -> None:
    """Run an agent with the token of a new account until it is connected, and stop it."""
    key = send(["curl", "-X", "POST", f"{gateway.url}/api/users"])["api_key"]
    body = '{"mt5Login": "5001", "mt5Password": "secret", "mt5Server": "Sim-Demo"}'
    headers = ["-H", f"X-API-Key: {key}", "-H", "Content-Type: application/json"]
    made = send(["curl", "-X", "POST", f"{gateway.url}/api/accounts", *headers, "-d", body])
    (folder / "token.txt").write_text(made["auth_token"])
    with subprocess.Popen(
        tonpo_command(*words), cwd=folder, env=tonpo_environment(), stderr=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stderr is not None
        said = ""
        while f"enrolled for account {made['account_id']}" not in said:
            line = agent.stderr.readline()
            assert line, said
            said += line
        agent.send_signal(signal.SIGINT)
        assert agent.wait(20) == 0, agent.stderr.read()


def wait_until_active(gateway: ServedGateway, api_key: str, account_id: str) -> None:
    deadline = time.monotonic() + ACTIVE_WITHIN_SECONDS
    url = f"{gateway.url}/api/accounts/{account_id}/status"
    while send(["curl", url, "-H", f"X-API-Key: {api_key}"])["status"] != "active":
        assert time.monotonic() < deadline, "the account did not become active"
        time.sleep(0.05)


def without_place(words: list[str]) -> list[str]:
    """Drop the options that say where to listen and where data lie: the test has its own."""
    kept: list[str] = []
    pending = iter(words)
    for word in pending:
        if word in {"--port", "--host", "--data-dir"}:
            next(pending)
        elif not word.startswith(("--port=", "--host=", "--data-dir=")):
            kept.append(word)
    return kept


def run(words: list[str], gateway: ServedGateway, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**tonpo_environment(), "TONPO_URL": gateway.url}
    environment = {name: value for name, value in environment.items() if name != "TONPO_API_KEY"}
    words = [word for word in words if "$TONPO_API_KEY" not in word and word != "--api-key"]
    assert not any(word.startswith("$") for word in words), "a variable that only a shell would fill in"
    return subprocess.run(
        tonpo_command(*words), cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_environment_of_a_command_finds_the_checkout() -> None:
    assert str(ROOT) in tonpo_environment()["PYTHONPATH"].split(os.pathsep)
