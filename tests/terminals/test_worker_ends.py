"""What is left when a worker ends: the search for lost trades goes on, and nobody waits for what the worker started."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

from reference_server.clock import SystemClock
from reference_server.domain.account import Mt5Credentials
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.domain.trading import OrderResult
from reference_server.terminals.workers.intents import Intent
from reference_server.terminals.workers.ledgers import Ledgers
from reference_server.terminals.workers.process import WorkerProcess

ONE = Mt5Credentials(login="1", password="p", server="Sim-Demo")
OTHER = Mt5Credentials(login="2", password="p", server="Sim-Demo")


async def no_trace(_intent: Intent) -> OrderResult | None:
    return None


async def test_accounts_that_open_at_the_same_time_keep_their_own_lost_trades() -> None:
    ledgers = Ledgers(SystemClock())
    one, other = ledgers.of("acc_1", ONE), ledgers.of("acc_2", OTHER)
    one.attach(no_trace)
    assert ledgers.of("acc_1", ONE) is one
    assert ledgers.of("acc_2", OTHER) is other
    assert one is not other


async def test_the_same_login_at_another_server_has_lost_trades_of_its_own() -> None:
    ledgers = Ledgers(SystemClock())
    elsewhere = Mt5Credentials(login="1", password="p", server="Other")
    assert ledgers.of("acc_1", ONE) is not ledgers.of("acc_1", elsewhere)
    shouted = Mt5Credentials(login="1", password="p", server="SIM-DEMO")
    one = ledgers.of("acc_1", ONE)
    assert ledgers.of("acc_1", shouted) is one


async def test_what_nobody_uses_any_more_is_forgotten() -> None:
    ledgers = Ledgers(SystemClock())
    number = id(ledgers.of("acc_1", ONE))
    gc.collect()
    kept = [ledgers.of(f"acc_{each}", OTHER) for each in range(3)]
    assert len(kept) == 3
    assert len(ledgers._of) == 3, number


async def test_a_program_that_the_worker_started_is_not_waited_for(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    starts_another = (
        "import subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(told)!r}, 'w').write(str(other.pid))\n"
        "time.sleep(60)"
    )
    process = await WorkerProcess.start("test", command=(sys.executable, "-c", starts_another))
    heard: list[TerminalEvent] = []
    process.listen(0, heard.append)
    pid = int(await asyncio.to_thread(told.read_text))
    try:
        process.kill("the test is over")
        await asyncio.wait_for(process.gone(), 20)
        assert isinstance(heard[-1], ConnectionChanged)
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_a_defect_of_who_listens_is_not_the_worker_s_end_for_the_others() -> None:
    process = await WorkerProcess.start("test", command=(sys.executable, "-c", "import time; time.sleep(60)"))
    heard: list[TerminalEvent] = []

    def defective(_event: TerminalEvent) -> None:
        raise RuntimeError("a defect")

    process.listen(0, defective)
    process.listen(1, heard.append)
    process.kill("the test is over")
    await asyncio.wait_for(process.gone(), 20)
    assert isinstance(heard[-1], ConnectionChanged)
