"""Dates as the genuine module takes them: whole seconds, of 32 bits."""

import errno
from datetime import datetime
from typing import Any

from reference_server.simulator.surface.outcome import Failed, FailedLate, invalid_arguments, system_error

FIRST_LOCAL, LAST_LOCAL = 86_400, 32_535_244_799
"""Epoch seconds of the first and last naive datetime that Windows can convert: in 1970 and in 3001, as under Wine."""


def seconds(value: Any) -> int:
    """Epoch seconds of a number or a datetime (a naive one in the machine's zone). Sub-second parts are lost.

    Raises Failed, and FailedLate for an int beyond 32 bits: the genuine module notices that only when all is done.
    """
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise FailedLate(OverflowError("Python int too large to convert to C long"))
        return int(value)
    if isinstance(value, datetime):
        return _truncated(_timestamp(value))
    if isinstance(value, float):
        return _truncated(value)
    raise invalid_arguments()


def _timestamp(moment: datetime) -> float:
    try:
        found = moment.timestamp()
        is_known = moment.tzinfo is not None or FIRST_LOCAL <= found <= LAST_LOCAL
    except Exception as error:  # a time zone may raise anything
        if moment.tzinfo is not None:
            raise invalid_arguments(error) from None
        is_known = False
    if not is_known:
        raise invalid_arguments(OSError(errno.EINVAL, "Invalid argument"))
    return found


def _truncated(value: float) -> int:
    """The lowest 32 bits, as a C cast leaves them; what not even 64 bits can hold becomes 0."""
    if not -(2.0**63) <= value < 2.0**63:
        return 0
    return (int(value) + 2**31) % 2**32 - 2**31


def span(date_from: Any, date_to: Any) -> tuple[int, int]:
    """Two dates, the first judged first. Raises Failed, FailedLate."""
    try:
        from_s = seconds(date_from)
    except FailedLate as late:
        raise _after(late, date_to) from None
    return from_s, seconds(date_to)


def _after(late: FailedLate, date_to: Any) -> Failed | FailedLate:
    """What becomes of a call whose first date left an exception behind, when it looks at the second one."""
    try:
        seconds(date_to)
    except Failed:
        return invalid_arguments(late.cause)
    except FailedLate:
        return late
    if isinstance(date_to, datetime):  # Python itself notices the exception when it is asked for the timestamp
        return invalid_arguments(system_error(date_to.timestamp, late.cause))
    return late
