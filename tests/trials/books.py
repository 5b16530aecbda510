"""The broker's own books, read from outside: what really became of everything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from reference_server.simulator.surface.constants import CONSTANTS
from tests.trials.model import Account, World
from tests.trials.processes import Broker

EXPERT, BY_HAND = CONSTANTS["ORDER_REASON_EXPERT"], CONSTANTS["ORDER_REASON_CLIENT"]
DEAL_EXPERT = CONSTANTS["DEAL_REASON_EXPERT"]
CANCELED, REJECTED = CONSTANTS["ORDER_STATE_CANCELED"], CONSTANTS["ORDER_STATE_REJECTED"]
EXPIRED = CONSTANTS["ORDER_STATE_EXPIRED"]
ENTRY_IN, ENTRY_OUT = CONSTANTS["DEAL_ENTRY_IN"], CONSTANTS["DEAL_ENTRY_OUT"]
ENTRY_INOUT, ENTRY_OUT_BY = CONSTANTS["DEAL_ENTRY_INOUT"], CONSTANTS["DEAL_ENTRY_OUT_BY"]
PENDING_TYPES = range(CONSTANTS["ORDER_TYPE_BUY_LIMIT"], CONSTANTS["ORDER_TYPE_SELL_STOP_LIMIT"] + 1)


def lots(volume: float) -> float:
    """A volume without the noise of binary fractions."""
    return round(volume, 2)


def name_of(comment: str) -> str:
    """The comment without the tag that may follow it."""
    return re.sub(r"~\^.*$", "", comment)


def was_turned_away(order: Any) -> bool:
    """Whether a market order found nobody to trade with: it is in the books, and nothing was done."""
    return order.state == REJECTED and order.type not in PENDING_TYPES and order.volume_current == order.volume_initial


@dataclass
class Books:
    """The accounts of a broker at one moment. `shift_ms`: how far its clock is ahead of UTC."""

    orders: dict[Account, list[Any]]
    deals: dict[Account, list[Any]]
    positions: dict[Account, list[dict[str, Any]]]
    pending: dict[Account, list[dict[str, Any]]] = field(default_factory=dict)
    shift_ms: int = 0

    @classmethod
    def read(cls, broker: Broker, world: World) -> Books:
        """Read those of all accounts that a terminal has ever logged in to."""
        known = [account for account in world.accounts if broker.has_account(account.login)]
        orders = {account: broker.orders(account.login) if account in known else [] for account in world.accounts}
        deals = {account: broker.deals(account.login) if account in known else [] for account in world.accounts}
        shown = broker.accounts()
        return cls(
            orders,
            deals,
            {account: shown[account.login]["positions"] if account in known else [] for account in world.accounts},
            {
                account: [one for one in shown[account.login]["orders"] if one["type"] in PENDING_TYPES]
                for account in known
            },
            broker.clock_shift_ms(),
        )

    def tickets(self, account: Account) -> set[int]:
        """Every ticket that this account ever had."""
        return {int(order.ticket) for order in self.orders[account]} | {
            int(one["ticket"]) for one in self.positions[account]
        }

    def placed(self, name: str) -> list[tuple[Account, Any]]:
        """The orders that programs have placed with this name, wherever they are."""
        return [
            (account, order)
            for account, orders in self.orders.items()
            for order in orders
            if name_of(order.comment) == name and order.reason == EXPERT
        ]

    def filled(self, account: Account, order: int) -> float:
        """Lots that were traded for an order."""
        return lots(sum(deal.volume for deal in self.deals[account] if deal.order == order))

    def identifier(self, account: Account, ticket: int) -> int:
        """The position that a ticket stands for: on a netting account it had others, and later orders change it."""
        deals = self.deals[account]
        if any(deal.position_id == ticket for deal in deals):
            return ticket
        return next((int(deal.position_id) for deal in deals if deal.order == ticket), ticket)

    def exits(self, account: Account, world: World, identifier: int) -> list[Any]:
        """Deals by which the gateway closed a position or a part of it, other than by an order against it.

        On a netting account one that comes after others have made the position smaller reverses it.
        """
        orders = self.ordered(account, world)
        return [
            deal
            for deal in self.deals[account]
            if deal.position_id == identifier and deal.entry in (ENTRY_OUT, ENTRY_INOUT)
            if deal.reason == DEAL_EXPERT and deal.order not in orders
        ]

    def ordered(self, account: Account, world: World) -> set[int]:
        """Tickets of the orders that were asked for as such, and not as the closing of a position."""
        names = {one.name for one in world.orders_of(account)}
        return {
            order.ticket for order in self.orders[account] if order.reason == EXPERT and name_of(order.comment) in names
        }
