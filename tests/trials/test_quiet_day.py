"""Every move of a day without faults, one after the other: nothing excuses what is not told then."""

from __future__ import annotations

from pathlib import Path

from conformance.contract import load_contract
from reference_server.app import CAPABILITIES
from tests.trials.model import Verdict
from tests.trials.processes import THIN_LOTS, THIN_SYMBOL, Broker
from tests.trials.sockets import LoopThread
from tests.trials.steps import Steps
from tests.trials.trial import Trial

HEDGING, NETTING, OTHER = range(3)
"""Which of the accounts that a trial begins with."""


def test_whoever_trades_on_a_quiet_day_is_told_of_and_told_the_truth(
    nursery: str, broker: Broker, thread: LoopThread, tmp_path: Path
) -> None:
    trial = Trial(tmp_path, nursery, broker, load_contract(CAPABILITIES), thread)
    steps = Steps(trial)
    try:
        steps.begin()
        fill_in_part(steps)
        net(steps)
        trade_by_hand(steps)
        reach_both_prices_of_a_stop_limit(steps)
        change_by_hand(steps)
        trial.reckon()
    except AssertionError:
        print(trial.transcript.last(80))
        raise
    finally:
        trial.close()


def order(steps: Steps, which: int, side: str, volume: float, symbol: str = "EURUSD") -> float:
    """Trade at the market; give the volume that was told."""
    steps.market_order(which, side, volume, symbol, 0, is_keyed=True, waits=True)
    sent = steps.world.sent[-1]
    assert sent.verdicts == {Verdict.ACCEPTED}
    assert sent.result is not None
    return float(sent.result["volume"])


def fill_in_part(steps: Steps) -> None:
    """At the market, in closing, and over three ticks."""
    assert order(steps, HEDGING, "buy", 0.1, THIN_SYMBOL) == THIN_LOTS
    steps.trial.fault("partial_fill", fraction=0.5, login=steps.world.accounts[HEDGING].login)
    assert order(steps, HEDGING, "sell", 0.2) == 0.1
    steps.move_prices(1)
    steps.trial.fault("partial_fill", fraction=0.5, login=steps.world.accounts[HEDGING].login)
    steps.close_position(1, None, is_keyed=True, waits=True)
    steps.pending_order(OTHER, "limit", "sell", 10, THIN_SYMBOL, is_keyed=True)
    steps.hands.pending_by_hand(HEDGING, "stop", "buy", 10, THIN_SYMBOL)
    for pips in (15, 16, 17, 0):
        steps.move_prices(pips)


def net(steps: Steps) -> None:
    """A position grows, shrinks, and is turned round: by orders, by hand, and by a stop order."""
    order(steps, NETTING, "buy", 0.1)
    order(steps, NETTING, "buy", 0.2)
    order(steps, NETTING, "sell", 0.1)
    steps.hands.trade_by_hand(NETTING, "sell", 0.3, "EURUSD", mimics=False)
    order(steps, NETTING, "buy", 0.3)
    steps.pending_order(NETTING, "stop", "sell", 10, "EURUSD", is_keyed=True)
    steps.move_prices(-12)
    steps.move_prices(0)
    order(steps, NETTING, "sell", 0.2)


def trade_by_hand(steps: Steps) -> None:
    """Beside the gateway's own positions, in whole and in part, against each other, and so fast that nobody sees it."""
    steps.hands.trade_by_hand(OTHER, "sell", 0.2, "EURUSD", mimics=False)
    for which, volume in ((0, 0.03), (1, None), (2, 0.05), (3, None)):
        steps.hands.close_by_hand(which, volume)
    steps.hands.close_opposites_by_hand(OTHER, 0.1)
    steps.hands.close_opposites_by_hand(OTHER, 0.05)
    steps.close_position(1, 0.03, is_keyed=True, waits=True)


def reach_both_prices_of_a_stop_limit(steps: Steps) -> None:
    """One of the gateway and one by hand; between the two prices one is moved."""
    steps.pending_order(OTHER, "stopLimit", "buy", 10, "EURUSD", is_keyed=True)
    steps.hands.pending_by_hand(HEDGING, "stopLimit", "sell", 10, "EURUSD")
    for pips in (12, 0, -12):
        steps.move_prices(pips)
    steps.pending_order(OTHER, "stopLimit", "sell", 8, "EURUSD", is_keyed=True)
    steps.move_prices(-21)


def change_by_hand(steps: Steps) -> None:
    """Levels and prices that the gateway has set, and the other way round."""
    for which in range(3):
        steps.change_levels(which, 30, 40, removes=False)
        steps.hands.change_levels_by_hand(which + 1, 20, 25, removes=which == 1)
    steps.pending_order(HEDGING, "limit", "buy", 20, "EURUSD", is_keyed=True)
    steps.hands.pending_by_hand(NETTING, "limit", "buy", 20, "EURUSD")
    for which in range(2):
        steps.hands.move_pending_by_hand(which, 30)
        steps.move_pending_order(which + 1, 25)
    steps.hands.cancel_by_hand(0)
    steps.cancel_pending_order(0, is_keyed=True)
