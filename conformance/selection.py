"""Decide which checks apply to a target, and say why the others do not."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from conformance.catalogue import Catalogue, Check
from conformance.errors import NothingSelected
from conformance.outcomes import Status
from conformance.target import Effects, TargetConfig

__all__ = ["Planned", "is_wanted", "select"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A check of the run; with a `status` it is not executed, and `reason` says why."""

    check: Check
    status: Status | None = None
    reason: str | None = None


def is_wanted(patterns: Collection[str], identifier: str, area: str, requirements: Iterable[str] = ()) -> bool:
    """Say whether one of the patterns (all, when there are none) matches an id, an area or a requirement's id."""
    if not patterns:
        return True
    names = (identifier, area, *requirements)
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def select(catalogue: Catalogue, target: TargetConfig, claimed: Collection[str]) -> tuple[Planned, ...]:
    """Plan the checks of the target's profile that match its `only` patterns, in the catalogue's order.

    Raises NothingSelected when a pattern given matches none of them.
    """
    chosen = [
        one
        for one in catalogue.checks
        if target.profile in ("all", catalogue.profile_of(one))
        and is_wanted(target.only, one.id, one.area, one.requirements)
    ]
    return tuple(_planned(catalogue, target, one, claimed) for one in chosen)


def refuse_unmatched(catalogue: Catalogue, target: TargetConfig, others: Iterable[tuple[str, str]]) -> None:
    """Raise NothingSelected for an `only` pattern that no check matches; `others` are (id, area) of generated ones."""
    known = [(one.id, one.area, one.requirements) for one in catalogue.checks
             if target.profile in ("all", catalogue.profile_of(one))]  # fmt: skip
    known += [(identifier, area, ()) for identifier, area in others]
    for pattern in target.only:
        if not any(is_wanted([pattern], *one) for one in known):
            raise NothingSelected(
                f"--only {pattern} matches no check of profile {target.profile}; see `tonpo conformance list`"
            )


def _planned(catalogue: Catalogue, target: TargetConfig, one: Check, claimed: Collection[str]) -> Planned:
    missing = sorted(catalogue.capabilities_of(one) - set(claimed))
    if missing:
        return Planned(one, Status.NOT_APPLICABLE, f"the gateway does not claim {', '.join(missing)}")
    if one.effects not in target.allowed_effects:
        return Planned(one, Status.COULD_NOT_RUN, _forbidden(target, one.effects))
    return Planned(one)


def _forbidden(target: TargetConfig, effects: Effects) -> str:
    if effects is Effects.ORDER and target.target_class.value == "demo":
        return "it places orders, which needs --allow-orders"
    what = "places orders" if effects is Effects.ORDER else "changes users or accounts"
    return f"it {what}, which is not done on a {target.target_class} target"
