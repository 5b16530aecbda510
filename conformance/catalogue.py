"""All checks: what each one judges, needs and leaves behind."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

import conformance.checks
from conformance.context import CheckContext
from conformance.errors import CatalogueError
from conformance.requirements import Ledger, Requirement
from conformance.target import Effects
from conformance.world import FIXTURES

__all__ = ["Catalogue", "Check", "check", "discover"]

CheckFunction = Callable[[CheckContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `trades` is the most orders that it gets accepted, so that a plan with that many left is chosen.

    `second_trades` is the same for `second_user`.
    A check that mostly waits runs `alongside` the others; it only reads, or has users made for it alone.
    """

    id: str
    title: str
    area: str
    requirements: tuple[str, ...]
    effects: Effects
    needs: tuple[str, ...]
    trades: int
    seconds: float | None
    function: CheckFunction
    description: str
    alongside: bool = False
    second_trades: int = 0

    @property
    def fixtures(self) -> frozenset[str]:
        """Return the fixtures among the needs."""
        return frozenset(self.needs) & FIXTURES

    @property
    def capabilities(self) -> frozenset[str]:
        """Return the capabilities among the needs."""
        return frozenset(self.needs) - FIXTURES


def check(
    *,
    id: str,
    title: str,
    requirements: Iterable[str],
    effects: str = "none",
    needs: Iterable[str] = (),
    area: str | None = None,
    trades: int = 0,
    second_trades: int = 0,
    seconds: float | None = None,
    alongside: bool = False,
) -> Callable[[CheckFunction], Check]:
    """Make a check of an async function. The area defaults to the start of the id, `seconds` to the run's deadline."""

    def decorate(function: CheckFunction) -> Check:
        return Check(
            id=id,
            title=title,
            area=area or id.partition(".")[0],
            requirements=tuple(requirements),
            effects=Effects(effects),
            needs=tuple(needs),
            trades=trades,
            seconds=seconds,
            function=function,
            description=(function.__doc__ or "").strip(),
            alongside=alongside,
            second_trades=second_trades,
        )

    return decorate


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Checks that fit the ledger, in their order of execution."""

    checks: tuple[Check, ...]
    ledger: Ledger

    def __post_init__(self) -> None:
        """Make sure that checks and ledger fit together. Raises CatalogueError."""
        seen: set[str] = set()
        for one in self.checks:
            if one.id in seen:
                raise CatalogueError(f"two checks are called {one.id}")
            seen.add(one.id)
            if not one.requirements:
                raise CatalogueError(f"{one.id} names no requirement")
            for identifier in one.requirements:
                if identifier not in self.ledger:
                    raise CatalogueError(f"{one.id} names {identifier}, which is not in the ledger of requirements")
            unknown = one.capabilities - set(self.ledger.capabilities)
            if unknown:
                raise CatalogueError(f"{one.id} needs {', '.join(sorted(unknown))}: neither a fixture nor a capability")
            if one.trades + one.second_trades and one.effects is not Effects.ORDER:
                raise CatalogueError(f"{one.id} places orders but does not declare effects='order'")
            is_on_its_own = one.fixtures <= {"disposable_user", "disposable_account"}
            if one.alongside and not is_on_its_own and one.effects is not Effects.NONE:
                raise CatalogueError(f"{one.id} runs alongside other checks and changes what they share")

    def requirements_of(self, one: Check) -> tuple[Requirement, ...]:
        """Return the ledger's rows that a check judges."""
        return tuple(self.ledger[identifier] for identifier in one.requirements)

    def capabilities_of(self, one: Check) -> frozenset[str]:
        """Return the capabilities that a gateway must claim for the check to apply.

        Those it needs; and when all that it judges belongs to capabilities, those as well.
        """
        named = [row.capability for row in self.requirements_of(one)]
        implied = {name for name in named if name} if all(named) else set()
        return one.capabilities | implied

    def profile_of(self, one: Check) -> str:
        """Return `extended` when the check applies only to a gateway that claims a capability, else `core`."""
        profiles = {row.profile for row in self.requirements_of(one)}
        return "core" if "core" in profiles and not self.capabilities_of(one) else "extended"


def discover(ledger: Ledger, modules: Iterable[ModuleType] | None = None) -> Catalogue:
    """Collect the checks of every module in `conformance.checks`, or of the given ones, ordered by effect and id.

    What only reads comes first, so that a gateway is judged on as much as possible before anything is created.
    """
    found = _modules() if modules is None else modules
    checks = {id(value): value for module in found for value in vars(module).values() if isinstance(value, Check)}
    order = list(Effects)
    return Catalogue(tuple(sorted(checks.values(), key=lambda one: (order.index(one.effects), one.id))), ledger)


def _modules() -> list[ModuleType]:
    package = conformance.checks
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."))
    return [importlib.import_module(name) for name in names]
