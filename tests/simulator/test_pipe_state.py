"""A served broker's accounts on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.pipe.state import FILE, KeptState, StateUnusable

LOGIN = {"login": 42, "password": "secret", "server": "TonpoSim-Demo"}
BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}


def make_broker() -> SimulatedBroker:
    return SimulatedBroker(clock=ManualClock(), prices=ManualPrices())


def open_terminal(broker: SimulatedBroker) -> SimulatedMetaTrader5:
    terminal = SimulatedMetaTrader5(broker)
    assert terminal.initialize(**LOGIN)
    return terminal


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    broker = make_broker()
    with KeptState(broker, tmp_path / "new" / "folder"):
        order = open_terminal(broker).order_send(BUY)
    again = make_broker()
    with KeptState(again, tmp_path / "new" / "folder"):
        terminal = open_terminal(again)
        (position,) = terminal.positions_get()
        assert (position.ticket, position.price_open) == (order.order, order.price)
        assert terminal.history_deals_total(0, 2**31 - 1) == 2


def test_a_killed_process_leaves_its_last_dump(tmp_path: Path) -> None:
    broker = make_broker()
    kept = KeptState(broker, tmp_path)
    terminal = open_terminal(broker)
    terminal.order_send(BUY)
    kept.save_changes()
    dump = (tmp_path / FILE).read_bytes()
    broker.set_price("GBPUSD", 1.2, 1.3)
    kept.save_changes()
    assert (tmp_path / FILE).read_bytes() == dump, "nothing new on any account"
    terminal.order_send(BUY)
    kept.save_changes()
    assert (tmp_path / FILE).read_bytes() != dump
    kept.release()
    again = make_broker()
    with KeptState(again, tmp_path):
        assert open_terminal(again).positions_total() == 2


def test_a_directory_is_one_brokers_at_a_time(tmp_path: Path) -> None:
    with (
        KeptState(make_broker(), tmp_path),
        pytest.raises(StateUnusable, match="is in use by another served broker"),
        KeptState(make_broker(), tmp_path),
    ):
        pass
    with KeptState(make_broker(), tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', "{"])
def test_what_is_no_dump_is_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(StateUnusable, match="move it away to start afresh"):
        KeptState(make_broker(), tmp_path)
    assert (tmp_path / FILE).read_text(encoding="utf-8") == text


def test_a_dump_that_cannot_be_written_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    broker = make_broker()
    with KeptState(broker, tmp_path) as kept:
        terminal = open_terminal(broker)
        kept.save_changes()
        dump = (tmp_path / FILE).read_bytes()
        terminal.order_send(BUY)
        (tmp_path / f"{FILE}.new").mkdir()
        with pytest.raises(StateUnusable, match="the broker cannot be saved in"):
            kept.save_changes()
        assert (tmp_path / FILE).read_bytes() == dump
        (tmp_path / f"{FILE}.new").rmdir()
