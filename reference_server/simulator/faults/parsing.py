"""The JSON form of a fault, and back."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any

from reference_server.simulator.faults.connection import Crash, Disconnect, PipeBreak
from reference_server.simulator.faults.execution import (
    AnswerLost,
    PartialFill,
    PlacedThenFilled,
    RewriteComment,
    TimeoutExecuted,
    TimeoutNotExecuted,
)
from reference_server.simulator.faults.fault import Fault
from reference_server.simulator.faults.refusals import Fail, Refuse, Requote
from reference_server.simulator.faults.timing import Delay, Hang
from reference_server.simulator.faults.values import FaultInvalid
from reference_server.simulator.faults.visibility import FirstRequestShort, LateVisibility

KINDS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        kind.kind: kind
        for kind in (
            Refuse, Requote, Fail, Delay, Hang, PartialFill, AnswerLost, TimeoutExecuted, TimeoutNotExecuted,
            PlacedThenFilled, RewriteComment, PipeBreak, Disconnect, Crash, LateVisibility,
            FirstRequestShort,
        )
    }
)  # fmt: skip
"""Every kind of fault by its name."""


def fault_from_dict(form: object) -> Fault:
    """Make a fault from its JSON form. Raises FaultInvalid, which names the key and says what would do."""
    if not isinstance(form, Mapping):
        raise FaultInvalid("", f'a fault is an object such as {{"kind": "requote"}}, not {form!r}')
    if "kind" not in form:
        raise FaultInvalid("kind", f'"kind" is missing; it is one of {", ".join(KINDS)}')
    name = form["kind"]
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FaultInvalid("kind", f'"kind" must be one of {", ".join(KINDS)}, not {name!r}')
    known = {each.name: each for each in fields(kind)}
    for key in form:
        if key != "kind" and key not in known:
            raise FaultInvalid(str(key), f"{key!r} is no key of {name}; it takes kind, {', '.join(known)}")
    for key, each in known.items():
        if each.default is MISSING and key not in form:
            raise FaultInvalid(key, f'"{key}" of {name} is missing')
    return kind(**{key: value for key, value in form.items() if key != "kind"})


def fault_to_dict(fault: Fault) -> dict[str, Any]:
    """The JSON form of a fault, without what is absent."""
    form: dict[str, Any] = {"kind": fault.kind}
    for each in fields(fault):
        value = getattr(fault, each.name)
        if value is not None:
            form[each.name] = list(value) if isinstance(value, tuple) else value
    return form
