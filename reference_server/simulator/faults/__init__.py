"""Faults on request: what can go wrong between a program, its terminal, and the broker."""

from reference_server.simulator.faults.connection import Crash, Disconnect, PipeBreak
from reference_server.simulator.faults.entry import Entry
from reference_server.simulator.faults.execution import (
    AnswerLost,
    PartialFill,
    PlacedThenFilled,
    RewriteComment,
    TimeoutExecuted,
    TimeoutNotExecuted,
)
from reference_server.simulator.faults.fault import CALLS, Fault
from reference_server.simulator.faults.parsing import KINDS, fault_from_dict, fault_to_dict
from reference_server.simulator.faults.plan import FaultPlan
from reference_server.simulator.faults.refusals import Fail, Refuse, Requote
from reference_server.simulator.faults.timing import Delay, Hang
from reference_server.simulator.faults.values import FaultInvalid
from reference_server.simulator.faults.visibility import FirstRequestShort, LateVisibility
from reference_server.simulator.faults.waiter import RealWaiter, Waiter

__all__ = [
    "CALLS",
    "KINDS",
    "AnswerLost",
    "Crash",
    "Delay",
    "Disconnect",
    "Entry",
    "Fail",
    "Fault",
    "FaultInvalid",
    "FaultPlan",
    "FirstRequestShort",
    "Hang",
    "LateVisibility",
    "PartialFill",
    "PipeBreak",
    "PlacedThenFilled",
    "RealWaiter",
    "Refuse",
    "Requote",
    "RewriteComment",
    "TimeoutExecuted",
    "TimeoutNotExecuted",
    "Waiter",
    "fault_from_dict",
    "fault_to_dict",
]
