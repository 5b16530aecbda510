"""A whole gateway against a model: users, accounts, trades, sockets, a broker with faults, and kill -9 at any moment.

`TONPO_TRIAL_SEED` and `TONPO_TRIAL_EXAMPLES`, `TONPO_TRIAL_STEPS` make long runs of it. The same seed makes the same
choices; what real processes make of them also depends on time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conformance.contract import Contract, load_contract
from reference_server.app import CAPABILITIES
from tests.trials.judge import Books
from tests.trials.model import REUSED, Account, Sent, Verdict, verdict_of
from tests.trials.processes import open_nursery
from tests.trials.sockets import LoopThread
from tests.trials.trial import Trial
from tests.trials.wire import Reply

T = TypeVar("T")
SEED = int(os.environ.get("TONPO_TRIAL_SEED", "1"))
EXAMPLES = int(os.environ.get("TONPO_TRIAL_EXAMPLES", "3"))
STEPS = int(os.environ.get("TONPO_TRIAL_STEPS", "45"))
SHOWN_LINES = 200
PIP = 0.0001
MID = 1.0855
SPREAD = 0.0001

choice = st.integers(0, 999)
"""Which of those that there are."""
lots = st.sampled_from((0.1, 0.2, 0.3))
part = st.sampled_from((None, 0.03, 0.04, 0.05))
pips = st.integers(-40, 40)

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("refuse", {"retcode": 10019}),
    ("refuse", {"retcode": 10006, "times": 2}),
    ("requote", {}),
    ("delay", {"ms": 400, "when": "before"}),
    ("delay", {"ms": 400, "when": "after"}),
    ("answer_lost", {}),
    ("timeout_executed", {}),
    ("timeout_not_executed", {}),
    ("placed_then_filled", {"ms": 150}),
    ("pipe_break", {"call": "order_send"}),
    ("disconnect", {"ms": 600}),
    ("crash", {"when": "before", "process": "terminal", "restart_ms": 300}),
    ("crash", {"when": "after", "process": "terminal", "restart_ms": 300}),
    ("crash", {"when": "before", "process": "client"}),
    ("crash", {"when": "after", "process": "client"}),
    ("late_visibility", {"ms": 250}),
    ("fail", {"call": "positions_get", "code": -1}),
    ("hang", {"when": "before"}),
    ("hang", {"when": "after"}),
)


@pytest.fixture(scope="module")
def nursery() -> Iterator[str]:
    with open_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


class GatewayMachine(RuleBasedStateMachine):
    """Steps of users, of the broker and of fate."""

    nursery: str
    thread: LoopThread
    contract: Contract

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="trial")
        self.trial = Trial(Path(self._folder.name), self.nursery, self.contract, self.thread)
        self.world = self.trial.world
        self.mid = MID
        self.has_ended_well = True

    # -- choices -----------------------------------------------------------------------------------------------------

    def account(self, which: int) -> Account:
        usable = self.world.usable()
        return usable[which % len(usable)]

    def position(self, which: int) -> tuple[Account, Any] | None:
        """An open position of a usable account, from the broker's own books; those traded by hand count, too."""
        books = Books(self.trial.broker, self.world)
        found = [(account, one) for account in self.world.usable() for one in books.positions[account]]
        return found[which % len(found)] if found else None

    def pending(self, which: int) -> tuple[Account, Any] | None:
        found = [
            (account, order)
            for account in self.world.usable()
            for order in self.trial.broker.terminal(account.login).orders_get() or ()
            if self.trial.broker.has_account(account.login)
        ]
        return found[which % len(found)] if found else None

    def keyed(self, which: int) -> Sent | None:
        found = [one for one in self.world.sent if one.key is not None and one.answers and not one.account.deleted]
        return found[which % len(found)] if found else None

    # -- the beginning -----------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self._price(0)
        users = [self.trial.add_user() for _ in range(2)]
        accounts = [self.trial.add_account(user) for user in (users[0], users[0], users[1])]
        for account in accounts:
            self.trial.wait_until_active(account)
            self.trial.come_back(account)

    # -- users and accounts ------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.world.usable()) < 4)
    @rule(which=choice)
    def add_account(self, which: int) -> None:
        account = self.trial.add_account(self.world.users[which % len(self.world.users)])
        self.trial.wait_until_active(account)

    @rule(which=choice)
    def pause_or_resume(self, which: int) -> None:
        account = self.account(which)
        operation = "resumeAccount" if account.paused else "pauseAccount"
        reply = self.trial.wire(
            operation, api_key=account.user.key, account_id=account.account_id, who=account.user.name
        )
        assert reply is not None
        assert reply.status == 200, reply
        account.paused = not account.paused
        if account.paused:
            sent = self.trial.request(account, "placeOrder", _market("buy", 0.1, 0))
            refused = self.trial.send(sent)
            assert refused is not None
            assert refused.status in (409, 503), refused
            self.trial.wire(
                "resumeAccount", api_key=account.user.key, account_id=account.account_id, who=account.user.name
            )
            account.paused = False

    @rule(which=choice)
    def rotate_key(self, which: int) -> None:
        self.trial.wait_for_all()
        user = self.world.users[which % len(self.world.users)]
        reply = self.trial.wire("rotateApiKey", api_key=user.key, who=user.name)
        assert reply is not None
        assert reply.status == 200, reply
        user.dead_keys.append(user.key)
        user.key = reply.json["api_key"]
        dead = self.trial.wire("listAccounts", api_key=user.dead_keys[-1], who=f"{user.name} (dead key)")
        assert dead is not None
        assert dead.status == 401
        for socket in self.trial.sockets.open_ones():
            if socket.account.user is user and socket.key in user.dead_keys:
                assert socket.ended.wait(10), "a socket of a dead key stays open"
                assert socket.close_code == 4401

    @precondition(lambda self: len(self.world.usable()) > 3)
    @rule(which=choice)
    def delete_account(self, which: int) -> None:
        self.trial.wait_for_all()
        account = self.account(which)
        reply = self.trial.wire(
            "deleteAccount", api_key=account.user.key, account_id=account.account_id, who=account.user.name
        )
        assert reply is not None
        assert reply.status == 200, reply
        account.deleted = True
        gone = self.trial.wire(
            "listPositions", api_key=account.user.key, account=account.account_id, who=account.user.name
        )
        assert gone is not None
        assert gone.status == 404

    # -- orders ------------------------------------------------------------------------------------------------------

    @rule(which=choice, side=st.sampled_from(("buy", "sell")), volume=lots, magic=st.sampled_from((0, 0, 77)),
          is_keyed=st.booleans(), waits=st.booleans())  # fmt: skip
    def market_order(self, which: int, side: str, volume: float, magic: int, is_keyed: bool, waits: bool) -> None:
        sent = self.trial.request(self.account(which), "placeOrder", _market(side, volume, magic), is_keyed=is_keyed)
        if waits:
            self.trial.send(sent)
        else:
            self.trial.send_aside(sent)

    @rule(which=choice, kind=st.sampled_from(("limit", "stop")), side=st.sampled_from(("buy", "sell")),
          distance=st.integers(5, 40), is_keyed=st.booleans())  # fmt: skip
    def pending_order(self, which: int, kind: str, side: str, distance: int, is_keyed: bool) -> None:
        is_above = (kind == "stop") == (side == "buy")
        price = round(self.mid + (distance if is_above else -distance) * PIP, 5)
        body = {"symbol": "EURUSD", "side": side, "orderType": kind, "volume": 0.1, "price": price}
        self.trial.send(self.trial.request(self.account(which), "placeOrder", body, is_keyed=is_keyed))

    @rule(which=choice)
    def the_same_key_at_once(self, which: int) -> None:
        sent = self.trial.request(self.account(which), "placeOrder", _market("buy", 0.1, 0))
        self.trial.send_at_once([sent] * 3)

    @rule(which=choice)
    def repeat(self, which: int) -> None:
        sent = self.keyed(which)
        if sent is None:
            return
        first = next((one for one in sent.answers if one is not None and one.status == 200), None)
        again = self.trial.send(sent)
        if first is not None:
            assert again is not None
            assert (again.status, again.json, again.is_replayed) == (200, first.json, True)

    @rule(which=choice)
    def another_body_under_a_used_key(self, which: int) -> None:
        sent = self.keyed(which)
        if sent is None or sent.operation != "placeOrder" or sent.result is None:
            return
        assert sent.body is not None
        reply = self.trial.send(sent, body={**sent.body, "volume": 0.7})
        assert isinstance(reply, Reply)
        assert (reply.status, reply.reason) == (409, REUSED)

    @rule(which=choice, volume=part, is_keyed=st.booleans(), waits=st.booleans())
    def close_position(self, which: int, volume: float | None, is_keyed: bool, waits: bool) -> None:
        found = self.position(which)
        if found is None:
            return
        account, position = found
        body = {} if volume is None else {"volume": volume}
        sent = self.trial.request(account, "closePosition", body, ticket=position.ticket, is_keyed=is_keyed)
        if waits:
            self.trial.send(sent)
        else:
            self.trial.send_aside(sent)

    @rule(which=choice)
    def close_twice_at_once(self, which: int) -> None:
        found = self.position(which)
        if found is None:
            return
        account, position = found
        closes = [self.trial.request(account, "closePosition", {}, ticket=position.ticket) for _ in range(2)]
        self.trial.send_at_once(closes)
        assert [verdict_of(one.answers[0]) for one in closes].count(Verdict.ACCEPTED) <= 1

    @rule(which=choice, down=st.integers(10, 60), up=st.integers(10, 60), removes=st.booleans())
    def change_levels(self, which: int, down: int, up: int, removes: bool) -> None:
        self.trial.wait_for_all()
        found = self.position(which)
        if found is None:
            return
        account, position = found
        is_buy = position.type == 0
        low, high = round(self.mid - down * PIP, 5), round(self.mid + up * PIP, 5)
        body: dict[str, Any] = {"sl": low if is_buy else high, "tp": high if is_buy else low}
        if removes:
            body["tp"] = None
        self.trial.send(self.trial.request(account, "modifyPosition", body, ticket=position.ticket))

    @rule(which=choice, distance=st.integers(5, 40))
    def move_pending_order(self, which: int, distance: int) -> None:
        self.trial.wait_for_all()
        found = self.pending(which)
        if found is None:
            return
        account, order = found
        is_above = order.type in (3, 4)  # sell limit, buy stop
        price = round(self.mid + (distance if is_above else -distance) * PIP, 5)
        self.trial.send(self.trial.request(account, "modifyPosition", {"price": price}, ticket=order.ticket))

    @rule(which=choice, is_keyed=st.booleans())
    def cancel_pending_order(self, which: int, is_keyed: bool) -> None:
        found = self.pending(which)
        if found is None:
            return
        account, order = found
        self.trial.send(self.trial.request(account, "cancelOrder", None, ticket=order.ticket, is_keyed=is_keyed))

    # -- the broker --------------------------------------------------------------------------------------------------

    @rule(by=pips)
    def move_prices(self, by: int) -> None:
        self._price(by)

    def _price(self, by: int) -> None:
        self.mid = round(MID + by * PIP, 5)
        self.trial.transcript.note(f"broker: EURUSD at {self.mid}")
        self.trial.broker.control.set_price("EURUSD", self.mid, round(self.mid + SPREAD, 5))

    @rule(which=choice, kind=st.integers(0, len(FAULTS) - 1))
    def something_goes_wrong(self, which: int, kind: int) -> None:
        name, parameters = FAULTS[kind]
        self.trial.fault(name, **{**parameters, "login": self.account(which).login})

    @rule()
    def all_is_well(self) -> None:
        self.trial.all_is_well()

    # -- sockets -----------------------------------------------------------------------------------------------------

    @rule(which=choice)
    def leave_and_come_back(self, which: int) -> None:
        account = self.account(which)
        chain = self.trial.chains.get(account, [])
        if chain:
            self.trial.sockets.close(chain[-1])
        self.trial.come_back(account)

    # -- the gateway -------------------------------------------------------------------------------------------------

    @rule(orders=st.integers(0, 3), which=choice)
    def kill_the_gateway(self, orders: int, which: int) -> None:
        for number in range(orders):
            sent = self.trial.request(self.account(which + number), "placeOrder", _market("buy", 0.1, 0))
            self.trial.send_aside(sent)
        self.trial.kill_and_restart()

    @rule()
    def wait_for_all(self) -> None:
        self.trial.wait_for_all()

    @invariant()
    def answers_are_valid(self) -> None:
        self.trial.check_answers()

    # -- the end -----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self.trial.reckon()
        finally:
            self.trial.close()
            _keep(self.trial)
            self._folder.cleanup()


def _market(side: str, volume: float, magic: int) -> dict[str, Any]:
    return {"symbol": "EURUSD", "side": side, "orderType": "market", "volume": volume, "magic": magic}


LAST: dict[str, str] = {}
"""The transcript of the trial that ended last: of the one that failed, where one did."""


def _keep(trial: Trial) -> None:
    LAST["transcript"] = str(trial.transcript)
    LAST["log"] = trial.gateway.log.read_text() if trial.gateway.log.exists() else ""


def test_a_gateway_agrees_with_its_broker_whatever_happens(
    nursery: str, thread: LoopThread, tmp_path: Path
) -> None:
    GatewayMachine.nursery, GatewayMachine.thread = nursery, thread
    GatewayMachine.contract = load_contract(CAPABILITIES)
    machine = seed(SEED)(GatewayMachine)
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                report_multiple_bugs=False,
            ),
        )
    except BaseException as failure:
        for name, text in LAST.items():
            (tmp_path / name).write_text(text)
        shown = "\n".join(LAST.get("transcript", "").splitlines()[-SHOWN_LINES:])
        failure.add_note(f"seed {SEED}; the whole transcript and the gateway's log are in {tmp_path}\n{shown}")
        raise
