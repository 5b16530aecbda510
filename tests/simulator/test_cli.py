"""`tonpo simulator` from a shell: what it prints, its exit codes, and one sentence for each mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from reference_server.simulator.cli import simulator
from reference_server.simulator.pipe.client import RemoteMetaTrader5
from tonpo_spec.served import tonpo_command, tonpo_environment

LOGIN = {"login": 42, "password": "secret", "server": "TonpoSim-Demo"}
BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}


def call(*words: str, code: int = 0, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in this process and return what it said."""
    done = CliRunner().invoke(simulator, list(words), env=environment)
    assert done.exit_code == code, done.output
    return done.output


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        tonpo_command("simulator", *words),
        env={**tonpo_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(*words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A served broker, and the lines it said until it listened."""
    process = subprocess.Popen(
        tonpo_command("simulator", "serve", *words),
        env={**tonpo_environment(), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("listening on"):
                break
        yield process, lines
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(simulator)), ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    output = call(*path, "--help")
    assert f"Example: {'PYTHONPATH=' if path == ('path',) else 'tonpo simulator'}" in output


def test_path_is_a_folder_with_the_package() -> None:
    assert (Path(call("path").strip()) / "MetaTrader5" / "__init__.py").is_file()


class TestRun:
    """A program, run with the stand-in."""

    def test_it_gets_its_arguments_and_its_exit_code_is_the_commands(self, tmp_path: Path) -> None:
        script = tmp_path / "bot.py"
        script.write_text("import sys, MetaTrader5 as m\nprint(sys.argv[1:], m.initialize(), __name__)\nsys.exit(7)\n")
        done = run("run", str(script), "--help", "-x", "1")
        assert (done.returncode, done.stdout) == (7, "['--help', '-x', '1'] True __main__\n")

    def test_a_module_runs_with_m(self) -> None:
        done = run("run", "-m", "timeit", "-n", "1", "-r", "1", "import MetaTrader5; print(MetaTrader5.initialize())")
        assert done.returncode == 0
        assert done.stdout.startswith("True\n")

    def test_a_configuration_is_the_programs_broker(self, tmp_path: Path) -> None:
        (tmp_path / "broker.toml").write_text('[account]\ndeposit = 777.0\n[prices]\nkind = "manual"\n')
        script = tmp_path / "bot.py"
        script.write_text("import MetaTrader5 as m\nm.initialize()\nprint(m.account_info().balance)\n")
        done = run("run", "--config", str(tmp_path / "broker.toml"), str(script))
        assert (done.returncode, done.stdout) == (0, "777.0\n")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["nothere.py"], "There is no script nothere.py. A module is run with -m."),
            (["--address", "x", __file__], "TONPO_SIMULATOR_ADDRESS: 'x' is no address"),
            (["--config", "no.toml", __file__], "no.toml: No such file or directory."),
            (["--config", "no.toml", "--address", "./a", __file__], "are both set"),
        ],
    )
    def test_a_mistake_is_told(self, words: list[str], sentence: str) -> None:
        assert sentence in call("run", *words, code=2)


class TestServe:
    """A broker in a process of its own."""

    def test_it_says_where_it_listens_and_stops_cleanly(self, tmp_path: Path) -> None:
        socket = tmp_path / "broker.sock"
        with serving("--socket", str(socket)) as (process, lines):
            assert lines == [f"listening on {socket}"]
            assert RemoteMetaTrader5(str(socket)).initialize()
            assert stop(process) == 0
        assert not socket.exists()

    def test_accounts_outlive_it_in_their_directory(self, tmp_path: Path) -> None:
        words = ["--socket", str(tmp_path / "broker.sock"), "--state", str(tmp_path / "state")]
        terminal = RemoteMetaTrader5(words[1])
        with serving(*words) as (process, _):
            assert terminal.initialize(**LOGIN)
            order = terminal.order_send(BUY)
            assert stop(process) == 0
        assert terminal.positions_get() is None
        assert terminal.last_error() == (-10002, "IPC recv failed")
        with serving(*words):
            assert terminal.initialize(**LOGIN)
            (position,) = terminal.positions_get()
            assert (position.ticket, position.price_open) == (order.order, order.price)
            assert terminal.initialize(**(LOGIN | {"password": "another"})) is False
            terminal.shutdown()
        assert (tmp_path / "state" / "broker.json").stat().st_mode & 0o777 == 0o600

    def test_two_do_not_share_a_directory(self, tmp_path: Path) -> None:
        with serving("--socket", str(tmp_path / "one.sock"), "--state", str(tmp_path)):
            done = run("serve", "--socket", str(tmp_path / "two.sock"), "--state", str(tmp_path))
        assert done.returncode == 2
        assert "is in use by another served broker." in done.stderr

    def test_a_port_prints_a_token_or_takes_that_of_the_environment(self) -> None:
        with serving("--listen", "127.0.0.1:0") as (_, (line,)):
            address, token = re.fullmatch(r"listening on (\S+) token (\w{32})", line).groups()  # type: ignore[union-attr]
            terminal = RemoteMetaTrader5(address, token=token)
            assert terminal.initialize()
            terminal.shutdown()
        with serving("--listen", "127.0.0.1:0", TONPO_SIMULATOR_TOKEN="mine") as (_, (line,)):
            assert line.endswith(" token mine")

    def test_a_program_attaches_to_it_again_after_it_was_killed(self, tmp_path: Path) -> None:
        script = tmp_path / "bot.py"
        script.write_text(
            "import os, signal, MetaTrader5 as m\n"
            "m.initialize(login=42, password='secret', server='TonpoSim-Demo')\n"
            "m.order_send(action=1, symbol='EURUSD', volume=0.1, type=0)\n"
            "print(m.positions_total(), flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        with serving("--socket", str(tmp_path / "broker.sock")):
            done = [run("run", "--address", str(tmp_path / "broker.sock"), str(script)) for _ in range(2)]
        assert [(each.returncode, each.stdout) for each in done] == [(-signal.SIGKILL, "1\n"), (-signal.SIGKILL, "2\n")]

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ([], "Say where to listen: --socket PATH or --listen 127.0.0.1:PORT, one of them."),
            (["--listen", "0.0.0.0:1"], "0.0.0.0 is not this machine alone"),
            (["--listen", "./a.sock"], "--listen takes 127.0.0.1:PORT; for the socket ./a.sock use --socket."),
            (["--socket", "/no/such/folder/a.sock"], "Cannot listen on /no/such/folder/a.sock: No such file"),
            (["--listen", "127.0.0.1:0", "--config", "no.toml"], "no.toml: No such file or directory."),
            (["--listen", "127.0.0.1:0", "--control", "0.0.0.0:0"], "0.0.0.0 can be reached from other machines"),
            (["--listen", "127.0.0.1:0", "--state", __file__], "cannot be used: "),
        ],
    )
    def test_a_mistake_is_told(self, words: list[str], sentence: str) -> None:
        assert sentence in call("serve", *words, code=2)

    @pytest.mark.parametrize("text", ["{}", "[]", "null", "[" * 100_000])
    def test_state_that_is_none_is_told(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "broker.json").write_text(text)
        assert "does not hold a simulated broker's accounts" in call(
            "serve", "--listen", "127.0.0.1:0", "--state", str(tmp_path), code=2
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The socket, and the environment that names the control port."""
    folder = tmp_path_factory.mktemp("control")
    (folder / "broker.toml").write_text('[prices]\nkind = "manual"\n[time]\nkind = "manual"\n')
    words = ["--socket", str(folder / "broker.sock"), "--config", str(folder / "broker.toml")]
    with serving(*words, "--control", "127.0.0.1:0") as (_, lines):
        url, token = re.fullmatch(r"control port (\S+) token (\S+)", lines[0]).groups()  # type: ignore[union-attr]
        yield words[1], {"TONPO_SIMULATOR_CONTROL": url, "TONPO_SIMULATOR_CONTROL_TOKEN": token}


class TestControl:
    """A served broker, driven from a shell."""

    def test_faults_come_and_go(self, served: tuple[str, dict[str, str]]) -> None:
        socket, environment = served
        terminal = RemoteMetaTrader5(socket)
        assert terminal.initialize(**LOGIN)
        number = int(
            call("control", "add", "refuse", "retcode=10019", "call=order_send", "times=0", environment=environment)
        )
        assert terminal.order_send(BUY).retcode == 10019
        (fault,) = json.loads(call("control", "faults", environment=environment))
        assert (fault["id"], fault["kind"]) == (number, "refuse")
        assert json.loads(call("control", "clear", str(number), environment=environment)) == 1
        assert terminal.order_send(BUY).retcode == 10009
        assert json.loads(call("control", "clear", environment=environment)) == 0
        terminal.shutdown()

    def test_prices_time_and_money_are_moved(self, served: tuple[str, dict[str, str]]) -> None:
        socket, environment = served
        terminal = RemoteMetaTrader5(socket)
        assert terminal.initialize(**(LOGIN | {"login": 43}))
        call("control", "price", "GBPUSD", "1.25", "1.26", environment=environment)
        before = terminal.symbol_info_tick("GBPUSD")
        assert (before.bid, before.ask) == (1.25, 1.26)
        call("control", "release", "GBPUSD", environment=environment)
        call("control", "advance", "90", environment=environment)
        state = json.loads(call("control", "state", environment=environment))
        assert state["prices"]
        call("control", "deposit", "TonpoSim-Demo", "43", "500", "--comment", "gift", environment=environment)
        account = json.loads(call("control", "deposit", "TonpoSim-Demo", "43", "--", "-200", environment=environment))
        assert account == json.loads(call("control", "account", "TonpoSim-Demo", "43", environment=environment))
        assert terminal.account_info().balance == 10_300.0
        terminal.shutdown()

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["add", "nosuch"], "nosuch"),
            (["add", "refuse", "retcode"], "A parameter is NAME=VALUE, unlike retcode."),
            (["add", "refuse", "retcode=text"], "retcode"),
            (["clear", "99999"], "99999"),
            (["price", "NOSUCH", "1", "2"], "no symbol NOSUCH"),
            (["price", "EURUSD", "2", "1"], "are no price"),
            (["account", "Nowhere", "1"], "Nowhere"),
            (["advance", "0"], "above 0"),
        ],
    )
    def test_a_mistake_is_told(self, served: tuple[str, dict[str, str]], words: list[str], sentence: str) -> None:
        assert sentence in call("control", *words, code=2, environment=served[1])

    def test_without_a_port_it_says_what_to_name(self) -> None:
        assert "Say which control port: --url with --token" in call("control", "faults", code=2)
        assert "begins with http://" in call("control", "--url", "localhost:1", "--token", "x", "faults", code=2)
        nobody = ("control", "--url", "http://127.0.0.1:9", "--token", "x", "faults")
        assert "No control port answers at http://127.0.0.1:9" in call(*nobody, code=2)


class TestMarket:
    """The symbols of a broker, and its ticks in a file."""

    def test_symbols_are_listed_by_part_of_name_or_description(self) -> None:
        assert len(call("symbols").splitlines()) >= 13
        assert [line.split()[0] for line in call("symbols", "gold", "btc").splitlines()] == [
            "Symbol",
            "XAUUSD",
            "BTCUSD",
        ]
        assert "No symbol has qqq in its name or description." in call("symbols", "qqq", code=2)

    def test_recorded_ticks_are_replayed(self, tmp_path: Path) -> None:
        ticks = tmp_path / "ticks.csv"
        words = ("record", str(ticks), "--symbol", "EURUSD", "--start", "2026-06-01T08:00", "--hours", "1.5")
        said = call(*words)
        lines = ticks.read_text(encoding="utf-8").splitlines()
        assert said == f"{len(lines) - 1:,} ticks in {ticks}\n"
        assert lines[0] == "time_ms,symbol,bid,ask,last,volume,flags"
        times = [int(line.split(",")[0]) for line in lines[1:]]
        assert times == sorted(times)
        assert 1780300800000 <= times[0] < times[-1] < 1780300800000 + 5_400_000
        call(*words, "--seed", "2")
        assert ticks.read_text(encoding="utf-8").splitlines() != lines
        call(*words)
        (tmp_path / "broker.toml").write_text(
            '[prices]\nkind = "replay"\nfile = "ticks.csv"\n[time]\nkind = "manual"\nstart = 2026-06-01T09:30:00Z\n'
        )
        script = tmp_path / "bot.py"
        script.write_text("import MetaTrader5 as m\nm.initialize()\nprint(m.symbol_info_tick('EURUSD').bid)\n")
        done = run("run", "--config", str(tmp_path / "broker.toml"), str(script))
        assert (done.stdout, done.stderr) == (f"{float(lines[-1].split(',')[2])}\n", "")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["/no/such/folder/a.csv"], "/no/such/folder/a.csv cannot be written: No such file or directory."),
            (["a.csv", "--symbol", "NOSUCH"], "This broker has no symbol NOSUCH; it has EURUSD"),
            (["a.csv", "--seed", "2", "--config", "b.toml"], "--seed and --config exclude each other"),
            (["a.csv", "--start", "9999-12-31"], "--start must be in the years 1973 to 2037, not 9999."),
            (["a.csv", "--config", "no.toml"], "no.toml: No such file or directory."),
        ],
    )
    def test_a_mistake_is_told(self, words: list[str], sentence: str) -> None:
        assert sentence in call("record", *words, code=2)


def test_the_program_runs_in_this_very_python(tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    script.write_text("import sys; print(sys.executable)")
    assert run("run", str(script)).stdout.strip() == sys.executable
    assert os.fspath(tmp_path)
