"""Accounts and trades by hand over the control port."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from reference_server.simulator.book.account import Account
from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.control.body import Body
from reference_server.simulator.control.errors import Refused, invalid, unknown
from reference_server.simulator.control.guard import answer
from reference_server.simulator.control.state import account_state
from reference_server.simulator.faults.visit import replaced
from reference_server.simulator.surface.constants import CONSTANTS, FIELDS
from reference_server.simulator.surface.outcome import Failed
from reference_server.simulator.surface.requests import FLOAT_FIELDS, TEXT_FIELDS, trade_request
from reference_server.simulator.surface.structs import Struct

CLIENT = CONSTANTS["ORDER_REASON_CLIENT"]
DEAL, PENDING = CONSTANTS["TRADE_ACTION_DEAL"], CONSTANTS["TRADE_ACTION_PENDING"]
FOK, IOC, RETURN = range(3)
LARGEST = 2**64 - 1
WORDS: Mapping[type, tuple[str, tuple[type, ...]]] = MappingProxyType(
    {
        bool: ("true or false", (bool,)),
        int: ("a whole number", (int,)),
        float: ("a number", (float, int)),
        str: ("a text", (str,)),
    }
)
"""What an account's term of a type may be given as."""


class AccountRoutes:
    """What the broker's staff and the person at the terminal do: money, permissions, trades."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker

    def routes(self) -> list[web.RouteDef]:
        """The paths and what answers them."""
        place = "/accounts/{server}/{login}"
        return [
            web.get(place, self.show),
            web.post(f"{place}/deposit", self.deposit),
            web.post(f"{place}/withdraw", self.withdraw),
            web.post(f"{place}/credit", self.credit),
            web.post(f"{place}/settings", self.change),
            web.post("/trade", self.trade),
        ]

    def _find(self, server: str, login: object) -> Account:
        for account in self._broker.accounts.values():
            if account.server == server and str(account.login) == str(login):
                return account
        raise unknown(f"there is no account {login} on {server}; an account opens when a terminal first logs in to it")

    def _account(self, request: web.Request) -> Account:
        return self._find(request.match_info["server"], request.match_info["login"])

    async def show(self, request: web.Request) -> web.Response:
        """One account."""
        account = self._account(request)
        with self._broker.lock:
            self._broker.advance()
            return answer(account_state(account))

    async def deposit(self, request: web.Request) -> web.Response:
        """Pay in."""
        return await self._pay(request, sign=1)

    async def withdraw(self, request: web.Request) -> web.Response:
        """Pay out."""
        return await self._pay(request, sign=-1)

    async def credit(self, request: web.Request) -> web.Response:
        """Grant credit; a negative amount takes it back."""
        return await self._pay(request, sign=0)

    async def _pay(self, request: web.Request, *, sign: int) -> web.Response:
        account, body = self._account(request), await Body.of(request)
        amount, comment = body.number("amount"), body.text("comment", default="")
        body.end("amount", "comment")
        if not amount or (sign and amount < 0) or abs(amount) > 1e12:
            wanted = "above 0" if sign else "another number than 0"
            raise invalid(f'"amount" must be {wanted}, and below a million million, not {amount:g}')
        self._broker.pay(account.server, account.login, amount * (sign or 1), comment, is_credit=not sign)
        return answer(account_state(account))

    async def change(self, request: web.Request) -> web.Response:
        """Change what an account may do, and its terms."""
        account, changes = self._account(request), (await Body.of(request)).everything()
        for key, value in changes.items():
            wanted = WORDS.get(type(getattr(account, key, getattr(account.settings, key, None))))
            if wanted is not None and type(value) not in wanted[1]:
                raise invalid(f'"{key}" must be {wanted[0]}, not {json.dumps(value)[:100]}')
        try:
            self._broker.change_account(account.server, account.login, **changes)
        except (ValueError, TypeError, LookupError) as error:
            raise invalid(str(error)) from None
        return answer(account_state(account))

    async def trade(self, request: web.Request) -> web.Response:
        """Trade on an account as a person at the terminal does: the order's reason is CLIENT."""
        body = await Body.of(request)
        account = self._find(body.text("server"), body.whole("login", 1, LARGEST))
        wanted = self._request(body.everything())
        with self._broker.lock:
            self._broker.advance()
            result = self._broker.trade_server.send(account, wanted, reason=CLIENT)
        return answer({**result._asdict(), "request": result.request._asdict()})

    def _request(self, given: dict[str, Any]) -> Struct:
        known = FIELDS["TradeRequest"]
        for key, value in given.items():
            if key not in known:
                raise invalid(f'"{key}" is no key of a trade; there is server, login, {", ".join(known)}')
            if key not in TEXT_FIELDS and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise invalid(f'"{key}" must be a number, not {value!r}')
        try:
            values = {key: float(value) if key in FLOAT_FIELDS else value for key, value in given.items()}
            request = trade_request(({"action": DEAL, **values},), {})
            if "type_filling" in values or request.action not in (DEAL, PENDING):
                return request
            return replaced(request, type_filling=self._filling(request))
        except (Failed, SystemError, OverflowError) as error:
            raise _not_a_request(error) from None

    def _filling(self, request: Struct) -> int:
        symbol = self._broker.market.symbols.get(request.symbol)
        if symbol is None or request.action == PENDING:
            return RETURN
        return FOK if symbol.filling_mode & 1 else IOC if symbol.filling_mode & 2 else RETURN


def _not_a_request(error: Exception) -> Refused:
    if isinstance(error, Failed):
        return invalid(error.error[1])
    return invalid("a number of this trade is out of range")
