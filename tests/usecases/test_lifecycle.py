"""Any sequence of deletions, faults, pauses, restarts: only legal moves are stored, and deletion always wins."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from reference_server.domain.account import LEGAL_MOVES, Account, AccountState, Mt5Credentials
from reference_server.domain.errors import AccountDeleted, AccountNotReady
from reference_server.domain.events import ConnectionChanged
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused
from tests.usecases.fakes import BACK, DEAD, LOST, Gateway, make_user, settle

SERVERS = st.sampled_from(["ICMarkets-Demo", "ICMarkets-Demo", "Unreachable-Server"])
PASSWORDS = st.sampled_from(["secret", "secret", "invalid"])
OPENING = st.sampled_from(["works", "works", "hangs", "refuses", "unreachable", "defect"])
FAILURES: dict[str, Exception] = {
    "refuses": LoginRefused("Invalid account"),
    "unreachable": BrokerUnreachable("No connection"),
    "defect": RuntimeError("a defect"),
}


class Lifecycle(RuleBasedStateMachine):
    """Drives the middle of a gateway step by step; a step may leave work half done for the next one to meet."""

    accounts = Bundle("accounts")

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.user = make_user("enterprise")
        self.gateway = Gateway()
        self.pending: list[asyncio.Task[Account]] = []
        self.deleted: set[str] = set()
        self.all_terminals = [self.gateway.terminals]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def partly(self, rounds: int) -> None:
        async def some() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)

        self.run(some())

    @rule(target=accounts, server=SERVERS, password=PASSWORDS, rounds=st.integers(0, 20))
    def create(self, server: str, password: str, rounds: int) -> str:
        credentials = Mt5Credentials("1", password, server)
        account, _ = self.run(self.gateway.account_cases.create_account(self.user, credentials))
        self.partly(rounds)
        assert isinstance(account, Account)
        return account.account_id

    @rule(account_id=accounts, rounds=st.integers(0, 20), leaves=st.booleans())
    def delete(self, account_id: str, rounds: int, leaves: bool) -> None:
        async def deleting() -> asyncio.Task[Account]:
            task = asyncio.ensure_future(self.gateway.account_cases.delete_account(self.user, account_id))
            await asyncio.sleep(0)
            return task

        task = self.run(deleting())
        self.partly(rounds)
        if leaves:
            task.cancel()
        self.pending.append(task)
        self.deleted.add(account_id)

    @rule(account_id=accounts, paused=st.booleans())
    def pause_or_resume(self, account_id: str, paused: bool) -> None:
        cases = self.gateway.account_cases
        call = cases.pause_account if paused else cases.resume_account
        try:
            account = self.run(call(self.user, account_id))
        except AccountDeleted:
            assert account_id in self.deleted
        else:
            assert account.paused is paused

    @rule(event=st.sampled_from([LOST, BACK, DEAD]), number=st.integers(0, 9), rounds=st.integers(0, 20))
    def say(self, event: ConnectionChanged, number: int, rounds: int) -> None:
        opened = self.gateway.terminals.opened
        if opened:
            opened[number % len(opened)].tell(event)
        self.partly(rounds)

    @rule(opening=OPENING)
    def decide_what_openings_do(self, opening: str) -> None:
        terminals = self.gateway.terminals
        terminals.failure = FAILURES.get(opening)
        if opening == "hangs":
            terminals.hold = terminals.hold or asyncio.Event()
        elif terminals.hold is not None:
            terminals.hold.set()
            terminals.hold = None

    @rule(seconds=st.sampled_from([0.5, 1, 10, 31, 120]))
    def wait(self, seconds: float) -> None:
        self.run(self.gateway.clock.advance(seconds))

    @rule()
    def settle_down(self) -> None:
        self.finish()

    @rule()
    def restart(self) -> None:
        self.finish()
        self.gateway = self.run(self.gateway.restarted())
        self.all_terminals.append(self.gateway.terminals)
        self.run(self.gateway.supervisor.start())
        self.partly(10)

    def finish(self) -> None:
        async def finishing() -> None:
            await asyncio.gather(*self.pending, return_exceptions=True)
            await self.gateway.account_cases.close()
            await settle()

        self.run(finishing())
        for task in self.pending:
            assert task.cancelled() or task.result().state is AccountState.DELETED
        self.pending.clear()
        rows = self.gateway.accounts.rows
        running = [terminal.account_id for terminal in self.gateway.terminals.running]
        for account_id in self.deleted:
            assert rows[account_id].state is AccountState.DELETED
            assert account_id not in running
            assert account_id not in self.gateway.accounts.sealed
        assert len(running) == len(set(running))
        assert all(not terminals.running for terminals in self.all_terminals[:-1])

    @invariant()
    def only_legal_moves_are_stored(self) -> None:
        if not hasattr(self, "gateway"):
            return
        accounts = self.gateway.accounts
        for account_id in accounts.rows:
            states = accounts.states(account_id)
            assert states[0] is AccountState.CREATED
            for before, after in itertools.pairwise(states):
                assert after in LEGAL_MOVES[before]

    @invariant()
    def only_an_open_terminal_of_a_live_account_is_handed_out(self) -> None:
        if not hasattr(self, "gateway"):
            return
        for account in self.gateway.accounts.rows.values():
            try:
                terminal = self.gateway.supervisor.terminal_of(account)
            except AccountNotReady:
                continue
            assert terminal in self.gateway.terminals.running

    def teardown(self) -> None:
        if not hasattr(self, "gateway"):
            return
        try:
            self.finish()
            self.run(self.gateway.supervisor.stop())
            self.run(self.gateway.book.close())
            assert self.gateway.terminals.running == []
            assert asyncio.all_tasks(self.loop) == set()
        finally:
            self.loop.close()


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
