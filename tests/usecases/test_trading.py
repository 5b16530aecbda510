"""What is read of an account."""

from __future__ import annotations

import pytest

from reference_server.domain.errors import AccountNotFound, OrderNotFound, PositionNotFound, SymbolNotFound
from reference_server.domain.trading import NewOrder, OrderCheck, OrderType, Side
from reference_server.domain.user import User
from tests.usecases.fakes import CREDENTIALS, SYMBOLS, Gateway, account_info, position, settle, tick

LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.0)


async def test_terminal_answers_are_passed_on(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    assert await gateway.trading.get_account_info(user) == account_info()
    assert await gateway.trading.list_positions(user) == (position(5),)
    assert await gateway.trading.get_position(user, 5) == position(5)
    with pytest.raises(PositionNotFound):
        await gateway.trading.get_position(user, 6)
    placed = (await gateway.requests.send(user, "placeOrder", LIMIT)).result.ticket
    assert [one.ticket for one in await gateway.trading.list_orders(user)] == [placed]
    assert (await gateway.trading.get_order(user, placed)).price == 1.0
    with pytest.raises(OrderNotFound):
        await gateway.trading.get_order(user, placed + 1)
    assert await gateway.market.list_symbols(user) == SYMBOLS
    price, specification = await gateway.market.get_symbol_price(user, "GBPUSD")
    assert (price, specification.symbol) == (tick("GBPUSD"), "GBPUSD")


async def test_a_check_sends_nothing_and_writes_nothing_down(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.check = OrderCheck(False, 10019, "No money")
    assert await gateway.trading.check_order(user, LIMIT) == terminal.check
    assert (terminal.checked, terminal.sent, gateway.journal.records) == ([LIMIT], [], {})
    with pytest.raises(SymbolNotFound):
        await gateway.trading.check_order(user, NewOrder("NOPE", Side.BUY, OrderType.MARKET, 0.1))


async def test_the_named_account_is_asked_and_no_other(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    second = await gateway.active_account(user)
    gateway.terminals.of(second.account_id).open_positions[7] = position(7)
    assert await gateway.trading.list_positions(user, first.account_id) == ()
    assert await gateway.trading.list_positions(user, second.account_id) == (position(7),)
    with pytest.raises(AccountNotFound):
        await gateway.trading.list_positions(user, "acc_of_somebody")
    await gateway.account_cases.delete_account(user, second.account_id)
    await settle()
    with pytest.raises(AccountNotFound):
        await gateway.trading.list_positions(user, second.account_id)
    assert CREDENTIALS.server == first.mt5_server
