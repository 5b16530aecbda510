"""How faults pass time: for real, or as a test likes it."""

import ctypes
import sys
import time
from threading import Event
from typing import Protocol

LONGEST_SLEEP_MS = 2_000_000  # usleep takes 32 bits of microseconds


class Waiter(Protocol):
    """Passes time for delays and hangs. With `gil`, no other thread of the process may run meanwhile."""

    def delay(self, milliseconds: int, *, gil: bool) -> None:
        """Let this much time pass."""
        ...

    def hang(self, cleared: Event, *, gil: bool) -> None:
        """Return when the fault is cleared; with `gil` it cannot be, and only the end of the process helps."""
        ...


class RealWaiter:
    """Waits by the machine's clock.

    The genuine package never releases the interpreter's lock, so that a slow terminal stops every thread. `gil=True`
    does the same: the sleep is a C function called through `ctypes.PyDLL`, which keeps the lock.
    """

    def delay(self, milliseconds: int, *, gil: bool) -> None:
        """Let this much time pass."""
        if not gil:
            time.sleep(milliseconds / 1000)
            return
        while milliseconds > 0:
            step = min(milliseconds, LONGEST_SLEEP_MS)
            sleep_holding_the_lock(step)
            milliseconds -= step

    def hang(self, cleared: Event, *, gil: bool) -> None:
        """Return when the fault is cleared; with `gil` it cannot be, and only the end of the process helps."""
        if not gil:
            cleared.wait()
            return
        while True:
            sleep_holding_the_lock(LONGEST_SLEEP_MS)


def sleep_holding_the_lock(milliseconds: int) -> None:
    """Sleep in C without releasing the interpreter's lock. At most `LONGEST_SLEEP_MS`."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(milliseconds)
    else:
        ctypes.PyDLL(None).usleep(milliseconds * 1000)
