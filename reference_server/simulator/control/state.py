"""What a broker looks like now, as JSON values."""

from typing import Any

from reference_server.simulator.book.account import Account
from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.clock import ManualClock
from reference_server.simulator.faults.entry import Entry
from reference_server.simulator.faults.parsing import fault_to_dict


def broker_state(broker: SimulatedBroker) -> dict[str, Any]:
    """Time, prices, accounts and faults. The broker is brought up to date first."""
    with broker.lock:
        broker.advance()
        return {
            "clock": clock_state(broker),
            "prices": {name: {"bid": quote.bid, "ask": quote.ask} for name, quote in broker.market.quotes.items()},
            "accounts": [account_state(account) for account in broker.accounts.values()],
            "faults": [fault_state(entry) for entry in broker.faults.list()],
        }


def clock_state(broker: SimulatedBroker) -> dict[str, Any]:
    """The time in UTC and by the server's clock, and whether it is moved by hand."""
    return {
        "utc_ms": broker.market.utc_ms,
        "server_ms": broker.market.now_ms,
        "is_manual": isinstance(broker.clock, ManualClock),
    }


def account_state(account: Account) -> dict[str, Any]:
    """An account's money, what it has open, and what it may do."""
    return {
        "server": account.server,
        "login": account.login,
        "currency": account.settings.currency,
        "balance": account.balance,
        "credit": account.credit,
        "equity": account.equity,
        "margin": account.margin,
        "enabled": account.enabled,
        "trade_allowed": account.trade_allowed,
        "trade_expert": account.trade_expert,
        "positions": [position.struct()._asdict() for position in account.positions.values()],
        "orders": [order.struct()._asdict() for order in account.orders.values()],
        "deals": len(account.deals),
    }


def fault_state(entry: Entry) -> dict[str, Any]:
    """A fault of the plan: its id, how often it acted, and its JSON form."""
    return {
        "id": entry.id,
        "used": entry.used,
        "skipped": entry.skipped,
        "is_spent": entry.is_spent,
        **fault_to_dict(entry.fault),
    }
