"""A lock on an open file, against other processes: the operating system's, which ends with the process however it ends.

An open file is not inherited by the programs that a process starts: they do not hold the lock on.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Take the lock. Raises BlockingIOError or PermissionError when another process has it, OSError."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Take the lock. Raises BlockingIOError or PermissionError when another process has it, OSError."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
