"""What the run has created on the gateway and not yet removed: users, accounts, positions, pending orders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.contract import ACCOUNT_HEADER
from conformance.errors import CouldNotRun, HarnessFault
from conformance.exchange import Exchange, header_value
from conformance.journal import Journal
from conformance.pacing import Pacer
from conformance.redaction import Redactor
from conformance.target import Credentials, TargetConfig

__all__ = ["Account", "Holdings", "User"]

ASSUMED_PER_MINUTE = 60
ASSUMED_TRADES_PER_DAY = 10
"""The docs' smallest plan: what is assumed of a user as long as the gateway does not say which plan it has."""


@dataclass(slots=True)
class Account:
    """One MT5 account on the gateway."""

    id: str
    credentials: Credentials | None = None
    is_created_by_run: bool = False
    is_active: bool = False
    is_deleted: bool = False


@dataclass(slots=True)
class User:
    """One user of the gateway, with the key that the suite holds.

    `account` is the one that the suite uses; with several, `second_account` is another active one, if it is known.
    `accounts_allowed` is what the plan says, None for any number.
    """

    label: str
    api_key: str = field(repr=False)
    pacer: Pacer
    user_id: str | None = None
    is_created_by_run: bool = False
    account: Account | None = None
    second_account: Account | None = None
    has_several_accounts: bool = False
    accounts_allowed: int | None = None
    trades_per_day: int | None = ASSUMED_TRADES_PER_DAY
    trades_used: int = 0
    is_disposable: bool = False

    def trades_left(self) -> int:
        """Return how many orders the plan still allows today, as far as the suite knows."""
        return 1_000_000 if self.trades_per_day is None else self.trades_per_day - self.trades_used


@dataclass(slots=True)
class Holding:
    """One order or position that the run placed. `user` may trade on the account it belongs to.

    `account_id` is the one that was selected, None where nothing was: then it is the user's only one.
    """

    ticket: int
    user: User
    kind: str
    account_id: str | None = None


class Holdings:
    """Follow every call that creates or removes something, before and after it is sent."""

    def __init__(self, target: TargetConfig, journal: Journal, redactor: Redactor, clock: Callable[[], float]) -> None:
        self.users: list[User] = []
        self.accounts: list[tuple[User, Account]] = []
        self.tickets: dict[tuple[int, str | None, int], Holding] = {}
        self.orders_sent = 0
        self.users_created = 0
        self._target = target
        self._journal = journal
        self._redactor = redactor
        self._clock = clock

    def add_key(self, api_key: str, *, is_created_by_run: bool, user_id: str | None = None) -> User:
        """Start to know a user by its key, and hide the key from now on."""
        number = len(self.users) + 1
        self._redactor.register(api_key, "TONPO_API_KEY" if number == 1 else f"TONPO_API_KEY_{number}")
        pacer = Pacer(self._clock, ASSUMED_PER_MINUTE)
        user = User(f"user {number}", api_key, pacer, user_id=user_id, is_created_by_run=is_created_by_run)
        self.users.append(user)
        return user

    def user_of_key(self, api_key: str) -> User | None:
        """Return the user who has this key now."""
        return next((user for user in self.users if user.api_key == api_key), None)

    def account(self, account_id: object) -> Account | None:
        """Return an account that the run created, by its id."""
        return next((account for _, account in self.accounts if account.id == account_id), None)

    def hide(self, credentials: Credentials) -> None:
        """Keep an MT5 password out of every report."""
        self._redactor.register(credentials.password, "MT5_PASSWORD")

    def before(self, operation: str, user: User | None, body: Any) -> None:
        """Write down a creation that is about to be asked for. Raises CouldNotRun when a budget is used up."""
        who = user.label if user else "anonymous"
        match operation:
            case "createUser":
                if self.users_created >= self._target.user_budget:
                    raise CouldNotRun(f"the run may not create more than {self._target.user_budget} users here")
                self.users_created += 1
                self._journal.write("creating-user")
            case "createAccount":
                login = body.get("mt5Login") if isinstance(body, dict) else None
                server = body.get("mt5Server") if isinstance(body, dict) else None
                self._journal.write("creating-account", user=who, login=str(login), server=str(server))
            case "placeOrder":
                self._check_order(body)
                self.orders_sent += 1
                self._journal.write("placing-order", user=who, order=body if isinstance(body, dict) else None)
            case _:
                return

    def after(self, exchange: Exchange, user: User | None, body: Any, path: Mapping[str, object]) -> None:
        """Take in the answer of a call that creates or removes something."""
        answer = exchange.document
        if not 200 <= exchange.status < 300:
            return
        match exchange.operation:
            case "createUser" if isinstance(answer.get("api_key"), str) and answer["api_key"]:
                self._user_created(answer)
            case "rotateApiKey" if user is not None and isinstance(answer.get("api_key"), str):
                self._redactor.register(answer["api_key"], f"{self._name(user)}_ROTATED")
                user.api_key = answer["api_key"]
            case "createAccount" if user is not None and isinstance(answer.get("account_id"), str):
                self._account_created(user, answer, body)
            case "deleteAccount":
                self._account_deleted(str(path.get("account_id")))
            case "placeOrder" if user is not None and answer.get("success") is True:
                if exchange.header("Idempotency-Replayed") is None:
                    user.trades_used += 1
                    self._order_placed(user, exchange, body)
            case "closePosition" if user is not None and answer.get("success") is True and isinstance(body, dict):
                if "volume" not in body and isinstance(body.get("ticket"), int):
                    self._gone(user, exchange, body["ticket"], "closed-position")
            case "cancelOrder" if user is not None and answer.get("success") is True:
                if str(path.get("ticket")).isdigit():
                    self._gone(user, exchange, int(str(path["ticket"])), "cancelled-order")
            case _:
                return

    def _check_order(self, body: Any) -> None:
        if self._target.is_sandbox:
            return
        if self.orders_sent >= self._target.budgets.orders:
            raise CouldNotRun(f"the run may not place more than {self._target.budgets.orders} orders")
        volume = body.get("volume") if isinstance(body, dict) else None
        if isinstance(volume, int | float) and volume > float(self._target.max_volume):
            raise HarnessFault(f"an order of {volume} lots is above the target's max_volume {self._target.max_volume}")

    def _user_created(self, answer: Mapping[str, Any]) -> None:
        if self.user_of_key(answer["api_key"]) is None:
            user_id = answer.get("user_id")
            user = self.add_key(answer["api_key"], is_created_by_run=True, user_id=str(user_id))
            user.is_disposable = True
            self._journal.write("created-user", user=user.label, user_id=user_id)

    def _account_created(self, user: User, answer: Mapping[str, Any], body: Any) -> None:
        credentials = None
        if isinstance(body, dict) and isinstance(body.get("mt5Password"), str):
            credentials = Credentials(str(body.get("mt5Login")), body["mt5Password"], str(body.get("mt5Server")))
        account = Account(answer["account_id"], credentials, is_created_by_run=True)
        if isinstance(answer.get("auth_token"), str):
            self._redactor.register(answer["auth_token"], "AUTH_TOKEN")
        self.accounts.append((user, account))
        self._journal.write("created-account", user=user.label, account_id=account.id)

    def _account_deleted(self, account_id: str) -> None:
        for _, account in self.accounts:
            if account.id == account_id:
                account.is_deleted, account.is_active = True, False
                self._journal.write("deleted-account", account_id=account_id)

    def _order_placed(self, user: User, exchange: Exchange, body: Any) -> None:
        ticket = exchange.document.get("ticket")
        if not isinstance(ticket, int):
            self._journal.write("placed-order-without-ticket", user=user.label)
            return
        kind = "position" if isinstance(body, dict) and body.get("orderType") == "market" else "order"
        account_id = _selected(exchange)
        self.tickets[(id(user), account_id, ticket)] = Holding(ticket, user, kind, account_id)
        self._journal.write(f"opened-{kind}", user=user.label, ticket=ticket, **_named(account_id))

    def forget(self, holding: Holding) -> None:
        """Stop to know an order or position that is gone."""
        self.tickets.pop((id(holding.user), holding.account_id, holding.ticket), None)

    def _gone(self, user: User, exchange: Exchange, ticket: int, event: str) -> None:
        account_id = _selected(exchange)
        if self.tickets.pop((id(user), account_id, ticket), None) is not None:
            self._journal.write(event, user=user.label, ticket=ticket, **_named(account_id))

    def _name(self, user: User) -> str:
        number = self.users.index(user) + 1
        return "TONPO_API_KEY" if number == 1 else f"TONPO_API_KEY_{number}"


def _selected(exchange: Exchange) -> str | None:
    """Return the account that a request selected."""
    return header_value(exchange.request.headers, ACCOUNT_HEADER)


def _named(account_id: str | None) -> dict[str, str]:
    return {} if account_id is None else {"account_id": account_id}
