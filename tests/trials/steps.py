"""What users, the broker and fate do in a trial: each method is one move, its arguments are chosen from outside."""

from __future__ import annotations

from typing import Any

from tests.trials.choices import MID, PIP, Choices
from tests.trials.hands import ABOVE, KINDS, NEARER_PIPS, Hands
from tests.trials.model import REUSED, Account, Sent, Verdict, verdict_of
from tests.trials.processes import THIN_SYMBOL
from tests.trials.trial import Trial

SPREAD = 0.0001
MOST_ACCOUNTS = 4

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
    ("partial_fill", {"fraction": 0.5}),
    ("partial_fill", {"fraction": 0.3, "times": 2}),
    ("pipe_break", {"call": "order_send"}),
    ("disconnect", {"ms": 600}),
    ("crash", {"when": "before", "process": "terminal", "restart_ms": 300}),
    ("crash", {"when": "after", "process": "terminal", "restart_ms": 300}),
    ("crash", {"when": "before", "process": "client"}),
    ("crash", {"when": "after", "process": "client"}),
    ("late_visibility", {"ms": 250}),
    ("late_visibility", {"ms": 700, "what": ["deals"]}),
    ("late_visibility", {"ms": 700, "what": ["positions"]}),
    ("fail", {"call": "positions_get", "code": -1}),
    ("hang", {"when": "before"}),
    ("hang", {"when": "after"}),
)


def market(side: str, volume: float, magic: int = 0, symbol: str = "EURUSD") -> dict[str, Any]:
    """The body of a market order."""
    return {"symbol": symbol, "side": side, "orderType": "market", "volume": volume, "magic": magic}


class Steps:
    """The moves of one trial. `which` chooses among what there is."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.world = trial.world
        self.choices = Choices(trial)
        self.hands = Hands(trial, self.choices)

    def begin(self) -> None:
        """Two users, one of them with two accounts, of which one nets its positions; each with a socket."""
        self.move_prices(0)
        users = [self.trial.add_user() for _ in range(2)]
        accounts = [
            self.trial.add_account(user, is_netting=is_netting)
            for user, is_netting in ((users[0], False), (users[0], True), (users[1], False))
        ]
        for account in accounts:
            self.trial.wait_until_active(account)
            self.trial.come_back(account)

    # -- users and accounts ------------------------------------------------------------------------------------------

    def add_account(self, which: int) -> None:
        """Another account, of anybody."""
        if len(self.world.usable()) < MOST_ACCOUNTS:
            user = self.world.users[which % len(self.world.users)]
            account = self.trial.add_account(user, is_netting=which % 4 > 1)
            self.trial.wait_until_active(account)

    def pause_and_resume(self, which: int) -> None:
        """Nothing new is sent for a paused account."""
        account = self.choices.account(which)
        self._of_account("pauseAccount", account)
        refused = self.trial.send(self.trial.request(account, "placeOrder", market("buy", 0.1)))
        assert refused is not None
        assert (refused.status, refused.reason) == (409, "account_paused")
        self._of_account("resumeAccount", account)

    def rotate_key(self, which: int) -> None:
        """The old key is dead at once, on REST and on sockets."""
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
            if socket.key in user.dead_keys:
                assert socket.ended.wait(10), "a socket of a dead key stays open"
                assert socket.close_code == 4401

    def delete_account(self, which: int) -> None:
        """A deleted account does not exist any more for whoever trades."""
        if len(self.world.usable()) < MOST_ACCOUNTS:
            return
        self.trial.wait_for_all()
        account = self.choices.account(which)
        self._of_account("deleteAccount", account)
        account.deleted = True
        gone = self.trial.wire(
            "listPositions", api_key=account.user.key, account=account.account_id, who=account.user.name
        )
        assert gone is not None
        assert gone.status == 404

    # -- orders ------------------------------------------------------------------------------------------------------

    def market_order(
        self, which: int, side: str, volume: float, symbol: str, magic: int, is_keyed: bool, waits: bool
    ) -> None:
        """Buy or sell."""
        body = market(side, volume, magic, symbol)
        sent = self.trial.request(self.choices.account(which), "placeOrder", body, is_keyed=is_keyed)
        self._send(sent, waits)

    def pending_order(self, which: int, kind: str, side: str, distance: int, symbol: str, is_keyed: bool) -> None:
        """An order that waits for its price, `distance` pips away."""
        direction = 1 if KINDS[kind] + (side == "sell") in ABOVE else -1
        body = {"symbol": symbol, "side": side, "orderType": kind, "volume": 0.1}
        body["price"] = self.choices.away(direction * distance)
        if kind == "stopLimit":
            body["stopLimitPrice"] = self.choices.away(direction * (distance - NEARER_PIPS))
        self.trial.send(self.trial.request(self.choices.account(which), "placeOrder", body, is_keyed=is_keyed))

    def the_same_key_at_once(self, which: int) -> None:
        """Three times the same order with one key."""
        sent = self.trial.request(self.choices.account(which), "placeOrder", market("buy", 0.1))
        self.trial.send_at_once([sent] * 3)

    def repeat(self, which: int) -> None:
        """Send an earlier request again with its key, rather one that is undecided: its answer is its answer again."""
        sent = self.choices.keyed(which, is_undecided=which % 4 > 0) or self.choices.keyed(which)
        if sent is None:
            return
        first = next((one for one in sent.answers if one is not None and one.status == 200), None)
        again = self.trial.send(sent)
        if first is not None:
            assert again is not None
            assert (again.status, again.json, again.is_replayed) == (200, first.json, True)

    def another_body_under_a_used_key(self, which: int) -> None:
        """A key belongs to one request."""
        sent = self.choices.keyed(which)
        if sent is None or sent.operation != "placeOrder" or sent.result is None:
            return
        assert sent.body is not None
        reply = self.trial.send(sent, body={**sent.body, "volume": 0.7})
        assert reply is not None
        assert (reply.status, reply.reason) == (409, REUSED)

    def close_position(self, which: int, volume: float | None, is_keyed: bool, waits: bool) -> None:
        """Close an open position, or a part of it."""
        account, position = self._position(which)
        if position is not None:
            body = {} if volume is None else {"volume": volume}
            sent = self.trial.request(account, "closePosition", body, ticket=position["ticket"], is_keyed=is_keyed)
            self._send(sent, waits)

    def close_twice_at_once(self, which: int) -> None:
        """Of two closes of one position at most one does it."""
        account, position = self._position(which)
        if position is not None:
            closes = [self.trial.request(account, "closePosition", {}, ticket=position["ticket"]) for _ in range(2)]
            self.trial.send_at_once(closes)
            closed = [one for one in closes if verdict_of(one.answers[0]) is Verdict.ACCEPTED]
            if not account.is_netting and position["symbol"] != THIN_SYMBOL:  # there it may have grown meanwhile
                assert (
                    sum(one.answers[0].json["volume"] for one in closed if one.answers[0]) < position["volume"] + 1e-9
                )

    def change_levels(self, which: int, down: int, up: int, removes: bool) -> None:
        """New stops for an open position."""
        self.trial.wait_for_all()
        account, position = self._position(which)
        if position is not None:
            levels = self.choices.levels(position["type"] == 0, down, up, removes)
            body = {name: level or None for name, level in levels.items()}
            self.trial.send(self.trial.request(account, "modifyPosition", body, ticket=position["ticket"]))

    def move_pending_order(self, which: int, distance: int) -> None:
        """A new price for a pending order."""
        self.trial.wait_for_all()
        account, order = self._pending(which)
        if order is not None:
            price = self.choices.away(distance if order["type"] in ABOVE else -distance)
            self.trial.send(self.trial.request(account, "modifyPosition", {"price": price}, ticket=order["ticket"]))

    def cancel_pending_order(self, which: int, is_keyed: bool) -> None:
        """Withdraw a pending order."""
        account, order = self._pending(which)
        if order is not None:
            sent = self.trial.request(account, "cancelOrder", None, ticket=order["ticket"], is_keyed=is_keyed)
            self.trial.send(sent)

    # -- the broker --------------------------------------------------------------------------------------------------

    def move_prices(self, by: int) -> None:
        """The market moves `by` pips from where it began: stops and pending orders may fire."""
        mid = self.choices.mid = round(MID + by * PIP, 5)
        self.trial.transcript.note(f"broker: prices at {mid}")
        for symbol in ("EURUSD", THIN_SYMBOL):
            self.trial.broker.control.set_price(symbol, mid, round(mid + SPREAD, 5))

    def something_goes_wrong(self, which: int, kind: int) -> None:
        """The next order of an account meets a fault of its broker or its terminal."""
        name, parameters = FAULTS[kind]
        self.trial.fault(name, **{**parameters, "login": self.choices.account(which).login})

    def all_is_well(self) -> None:
        """No more faults."""
        self.trial.all_is_well()

    # -- sockets and the gateway -------------------------------------------------------------------------------------

    def leave_and_come_back(self, which: int) -> None:
        """A client's socket is closed and opened again, with the last number that it knows."""
        account = self.choices.account(which)
        chain = self.trial.chains.get(account, [])
        if chain:
            self.trial.sockets.close(chain[-1])
        self.trial.come_back(account)

    def kill_the_gateway(self, orders: int, which: int, after_ms: int, waits: bool) -> None:
        """kill -9, some orders under way; `waits` for the accounts of the next life."""
        for number in range(orders):
            account = self.choices.account(which + number)
            self.trial.send_aside(self.trial.request(account, "placeOrder", market("buy", 0.1)))
        self.trial.kill_and_restart(after_ms=after_ms)
        for account in self.world.usable() if waits else ():
            self.trial.wait_until_active(account)

    def wait_for_all(self) -> None:
        """Whatever is under way comes to its end."""
        self.trial.wait_for_all()

    def _position(self, which: int) -> tuple[Account, dict[str, Any] | None]:
        """An open position of a usable account; without any, one is opened."""
        account, position = self.choices.open_one(which, "positions")
        if position is None:
            self.market_order(which, "buy", 0.3, "EURUSD", 0, is_keyed=True, waits=True)
        return account, position

    def _pending(self, which: int) -> tuple[Account, dict[str, Any] | None]:
        account, order = self.choices.open_one(which, "orders")
        if order is None:
            self.pending_order(which, "limit", "buy", 20, "EURUSD", is_keyed=True)
        return account, order

    def _of_account(self, operation: str, account: Account) -> None:
        reply = self.trial.wire(
            operation, api_key=account.user.key, account_id=account.account_id, who=account.user.name
        )
        assert reply is not None
        assert reply.status == 200, reply

    def _send(self, sent: Sent, waits: bool) -> None:
        if waits:
            self.trial.send(sent)
        else:
            self.trial.send_aside(sent)
