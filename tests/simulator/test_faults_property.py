"""Whatever goes wrong in whatever order: the book stays consistent, and no order is lost or carried out twice."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator.faults import Fault, fault_from_dict
from tests.simulator.conftest import Desk, open_desk

ROUNDING = 1e-6
CALLS_OF_ANY = st.sampled_from(["order_send", "*", "positions_get"])
COMMON: dict[str, st.SearchStrategy[Any]] = {"after": st.integers(0, 2), "times": st.integers(1, 3)}


def form(kind: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **COMMON, **more})


FAULTS: st.SearchStrategy[Fault] = st.one_of(
    form("refuse", retcode=st.sampled_from([10004, 10006, 10018, 10019, 10031])),
    form("requote"),
    form("fail", call=CALLS_OF_ANY, code=st.sampled_from([-1, -10005])),
    form("partial_fill", fraction=st.floats(0.01, 0.99)),
    form("answer_lost", call=CALLS_OF_ANY),
    form("timeout_executed"),
    form("timeout_not_executed"),
    form("placed_then_filled", ms=st.integers(1, 500)),
    form("rewrite_comment", keep=st.integers(0, 28)),
    form("pipe_break", call=CALLS_OF_ANY),
    form("disconnect", ms=st.integers(1, 500)),
    form("crash", call=CALLS_OF_ANY, when=st.sampled_from(["before", "after"]), restart_ms=st.integers(0, 500)),
    form("late_visibility", ms=st.integers(1, 500)),
).map(fault_from_dict)
STEPS = st.one_of(
    FAULTS,
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40)),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(0, 400)),
    st.tuples(st.just("move"), st.integers(-200, 200)),
    st.tuples(st.just("clear"), st.just(0)),
)


class Trader:
    """Trades on a desk as a careful program does, and knows what each order was answered."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.account = desk.broker.accounts[next(iter(desk.broker.accounts))]
        self.magic = 0
        self.answers: dict[int, Any] = {}
        self.wanted: dict[int, float] = {}

    def step(self, step: Any) -> None:
        """Do one thing, and reconnect when the connection was lost."""
        if isinstance(step, Fault):
            self.desk.broker.faults.add(step)
            return
        name, number = step
        if name in ("buy", "sell"):
            self.send(type=int(name == "sell"), volume=number / 100)
        elif name == "close":
            held = self.desk.mt5.positions_get() or ()
            if number < len(held):
                position = held[number]
                self.send(type=1 - position.type, volume=position.volume, position=position.ticket)
        elif name == "wait":
            self.desk.clock.advance(milliseconds=number)
        elif name == "move":
            bid = 1.08545 + number / 100_000
            self.desk.price("EURUSD", round(bid, 5), round(bid + 0.00008, 5))
        else:
            self.desk.broker.faults.clear()
        if self.desk.mt5.account_info() is None:
            self.desk.mt5.initialize()

    def send(self, **request: Any) -> None:
        """Send a market order with a magic number of its own."""
        self.magic += 1
        self.wanted[self.magic] = request["volume"]
        self.answers[self.magic] = self.desk.send(action=1, magic=self.magic, **request)

    def finish(self) -> None:
        """Let everything that is still to come happen, without further faults."""
        self.desk.broker.faults.clear()
        self.desk.clock.advance(seconds=2)
        self.desk.price("EURUSD", 1.08545, 1.08553)
        assert self.desk.mt5.initialize()
        self.desk.mt5.account_info()
        assert not self.desk.broker.faults.is_armed

    def check(self) -> None:
        """The book is consistent, and agrees with what the trader was told."""
        account = self.account
        money = sum(deal.profit + deal.swap + deal.commission + deal.fee for deal in account.deals)
        assert abs(account.balance - money) < ROUNDING
        assert account.orders == {}
        net = sum(position.volume * (1 if position.is_buy else -1) for position in account.positions.values())
        traded = sum(deal.volume * (1 if deal.type == 0 else -1) for deal in account.deals)
        assert abs(net - traded) < ROUNDING
        tickets = [order.ticket for order in account.past_orders]
        assert len(tickets) == len(set(tickets))
        for magic, answer in self.answers.items():
            self._check_order(magic, answer)

    def _check_order(self, magic: int, answer: Any) -> None:
        orders = [order for order in self.account.past_orders if order.magic == magic]
        deals = [deal for deal in self.account.deals if deal.order in {order.ticket for order in orders}]
        filled = sum(deal.volume for deal in deals)
        assert len(orders) <= 1, "an order was carried out twice"
        assert filled <= self.wanted[magic] + ROUNDING
        retcode = None if answer is None else answer.retcode
        if retcode in (10009, 10010):
            assert [deal.ticket for deal in deals] == [answer.deal]
            assert abs(filled - answer.volume) < ROUNDING
            assert (filled < self.wanted[magic] - ROUNDING) == (retcode == 10010)
        elif retcode == 10008:
            assert [order.ticket for order in orders] == [answer.order]
        elif retcode not in (None, 10012):
            assert orders == [], f"refused with {retcode} and still carried out"


def run(server: str, steps: list[Any]) -> None:
    trader = Trader(open_desk(server))
    for step in steps:
        trader.step(step)
    trader.finish()
    trader.check()


@settings(max_examples=120, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_any_faults_and_trades_leave_a_consistent_book_on_a_hedging_account(steps: list[Any]) -> None:
    run("TonpoSim-Demo", steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_any_faults_and_trades_leave_a_consistent_book_on_a_netting_account(steps: list[Any]) -> None:
    run("TonpoSim-Netting", steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_any_faults_and_trades_leave_a_consistent_book_on_an_exchange_account(steps: list[Any]) -> None:
    run("TonpoSim-Exchange", steps)
