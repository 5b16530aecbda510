"""Depth of market."""

from dataclasses import replace

import pytest

from reference_server.simulator import load_symbols
from tests.simulator.conftest import Desk, open_desk


@pytest.fixture
def deep() -> Desk:
    """A desk whose EURUSD has three levels on each side."""
    symbols = [replace(each, book_depth=3) if each.name == "EURUSD" else each for each in load_symbols()]
    desk = open_desk(symbols=symbols)
    desk.price("EURUSD", 1.1, 1.10012)
    return desk


def test_a_book_runs_from_the_dearest_offer_to_the_cheapest_bid(deep: Desk) -> None:
    assert deep.mt5.symbol_info("EURUSD").ticks_bookdepth == 3
    assert deep.mt5.market_book_add("EURUSD") is True
    book = deep.mt5.market_book_get("EURUSD")
    assert all(isinstance(level, deep.mt5.BookInfo) for level in book)
    assert [(level.type, level.price) for level in book] == [
        (1, 1.10014),
        (1, 1.10013),
        (1, 1.10012),
        (2, 1.1),
        (2, 1.09999),
        (2, 1.09998),
    ]
    assert [level.volume for level in book] == [75, 50, 25, 25, 50, 75]
    assert all(type(level.volume) is int and level.volume_dbl == float(level.volume) for level in book)


def test_a_book_follows_the_price(deep: Desk) -> None:
    deep.mt5.market_book_add("EURUSD")
    deep.price("EURUSD", 1.2, 1.2001)
    assert [level.price for level in deep.mt5.market_book_get("EURUSD")][2:4] == [1.2001, 1.2]


def test_a_currency_pair_has_no_depth(desk: Desk) -> None:
    assert desk.mt5.symbol_info("EURUSD").ticks_bookdepth == 0
    assert desk.mt5.market_book_add("EURUSD") is True
    assert desk.mt5.market_book_get("EURUSD") == ()
    assert desk.mt5.last_error() == (1, "Success")


def test_a_book_is_read_while_it_is_subscribed_to(deep: Desk) -> None:
    assert deep.mt5.market_book_get("EURUSD") is None
    assert deep.mt5.last_error()[0] == -1
    deep.mt5.market_book_add("EURUSD")
    assert deep.mt5.market_book_get("EURUSD")
    assert deep.mt5.market_book_release("EURUSD") is True
    assert deep.mt5.market_book_get("EURUSD") is None


def test_an_unknown_symbol_leaves_no_error_behind(desk: Desk) -> None:
    assert desk.mt5.market_book_add("NOPE") is False
    assert desk.mt5.market_book_release("NOPE") is False
    assert desk.mt5.last_error() == (1, "Success")
    assert desk.mt5.market_book_get("NOPE") is None
    assert desk.mt5.last_error()[0] == -4
