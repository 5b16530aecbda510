"""What is judged, how far the run may go with it, and whose money could be at stake."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from yarl import URL

from conformance.errors import ConfigurationError

__all__ = ["Budgets", "Credentials", "Effects", "TargetClass", "TargetConfig", "Timeouts", "parse_credentials"]


class TargetClass(StrEnum):
    """What kind of gateway this is; the safest is assumed unless said otherwise."""

    SANDBOX = "sandbox"  # made for tests: users, accounts and orders may be created freely
    DEMO = "demo"  # a shared gateway with demo accounts: orders only when allowed
    LIVE = "live"  # real money: read only


class Effects(StrEnum):
    """What a check leaves behind on the gateway, or could."""

    NONE = "none"
    ACCOUNT = "account"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One MT5 login."""

    login: str
    password: str = field(repr=False)
    server: str


_CREDENTIALS = re.compile(r"(?P<login>[0-9]+):(?P<password>.+)@(?P<server>[^@]+)")


def parse_credentials(text: str, name: str) -> Credentials:
    """Read LOGIN:PASSWORD@SERVER. Raises ConfigurationError naming the field `name`; never repeats the password."""
    match = _CREDENTIALS.fullmatch(text)
    if match is None:
        raise ConfigurationError(name, "expected LOGIN:PASSWORD@SERVER with a login of digits only")
    return Credentials(match["login"], match["password"], match["server"])


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the run waits, in seconds."""

    connect: float = 5.0
    request: float = 10.0
    stream_message: float = 10.0
    account_active: float = 180.0  # the docs' quick start: "up to 180s"
    check: float = 60.0  # one check, without the making of its fixtures
    order_expiry: float = 75.0  # how long an expired order may still rest: brokers look once a minute


@dataclass(frozen=True, slots=True)
class Budgets:
    """The most that one run may use up. None means what the target class allows (see `TargetConfig.user_budget`)."""

    requests: int = 20_000
    users: int | None = None
    orders: int = 500
    replay_seconds: float = 120.0
    schema_examples: int = 10
    schema_seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """One gateway under test. Without a class it is `live`, on which nothing is ever created, changed or traded."""

    url: str
    profile: str = "core"
    target_class: TargetClass = TargetClass.LIVE
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    accounts: tuple[Credentials, ...] = ()
    bad_account: Credentials | None = None
    allow_orders: bool = False
    symbol: str = "EURUSD"
    volume: Decimal = Decimal("0.01")
    max_volume: Decimal = Decimal("0.10")
    only: tuple[str, ...] = ()
    seed: int = 1
    timeouts: Timeouts = field(default_factory=Timeouts)
    budgets: Budgets = field(default_factory=Budgets)
    tls_verify: bool = True
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Check every field. Raises ConfigurationError."""
        _check_url(self.url)
        if self.profile not in ("core", "extended", "all"):
            raise ConfigurationError("profile", f"{self.profile!r} is none of core, extended, all")
        if self.volume <= 0 or self.max_volume <= 0:
            raise ConfigurationError("volume", "volumes are lots above 0")
        if self.volume > self.max_volume:
            raise ConfigurationError("volume", f"{self.volume} is above max_volume {self.max_volume}")
        if self.allow_orders and self.target_class is TargetClass.LIVE:
            raise ConfigurationError("allow_orders", "orders are never placed on a live target; use target class demo")
        for key in self.api_keys:
            if not key.isascii() or not key.isprintable() or " " in key or not key:
                raise ConfigurationError("api_keys", "a key holds a space or a character outside printable ASCII")
        if len(set(self.api_keys)) != len(self.api_keys):
            raise ConfigurationError("api_keys", "a key is given twice; each must belong to another user")
        for name in ("connect", "request", "stream_message", "account_active", "check", "order_expiry"):
            if getattr(self.timeouts, name) <= 0:
                raise ConfigurationError(f"timeouts.{name}", "seconds above 0 expected")

    @property
    def base(self) -> URL:
        """Return the base URL without a trailing slash."""
        return URL(self.url.rstrip("/"))

    @property
    def is_sandbox(self) -> bool:
        """Say whether the target was made for tests."""
        return self.target_class is TargetClass.SANDBOX

    @property
    def allowed_effects(self) -> frozenset[Effects]:
        """Return which effects checks may have on this target."""
        if self.target_class is TargetClass.SANDBOX:
            return frozenset(Effects)
        if self.target_class is TargetClass.DEMO:
            orders = {Effects.ORDER} if self.allow_orders else set[Effects]()
            return frozenset({Effects.NONE, Effects.ACCOUNT} | orders)
        return frozenset({Effects.NONE})

    @property
    def user_budget(self) -> int:
        """Return how many users the run may create. No endpoint deletes a user, so outside sandboxes it is 2 or 0."""
        if self.budgets.users is not None:
            return self.budgets.users
        return {TargetClass.SANDBOX: 80, TargetClass.DEMO: 2, TargetClass.LIVE: 0}[self.target_class]


def _check_url(text: str) -> None:
    try:
        url = URL(text)
    except ValueError as problem:
        raise ConfigurationError("url", f"{text!r} is not a URL: {problem}") from problem
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("url", f"{text!r} is not an http:// or https:// URL")
    if url.query_string or url.fragment:
        raise ConfigurationError("url", "a base URL has no query and no fragment")
    if url.user or url.password:
        raise ConfigurationError("url", "credentials do not belong into the URL; use --api-key")
