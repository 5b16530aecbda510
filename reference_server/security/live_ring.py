"""A ring as its file is now: an operator may rotate it while the gateway runs."""

from __future__ import annotations

from reference_server.security.key_files import KeyFile, SecretUnusable, Stamp
from reference_server.security.key_ring import KeyRing


class LiveRing:
    """Follows a ring file. Without a file the ring was given by environment and never changes.

    Each question costs one `stat`. The ring object stays the same until the file changes, so that what is derived from
    it can be kept as long as it is the same object.
    """

    def __init__(self, ring: KeyRing, file: KeyFile | None = None) -> None:
        self._ring = ring
        self._stamp: Stamp | None = None
        self.file = file

    @classmethod
    def following(cls, file: KeyFile) -> LiveRing:
        """Follow this file from now on. Raises SecretUnusable."""
        stamp = file.stamp()
        followed = cls(file.read(), file)
        followed._stamp = stamp
        return followed

    def certain(self) -> KeyRing:
        """The ring that the file holds at this moment: for what will be stored. Raises SecretUnusable."""
        if self.file is not None:
            stamp = self.file.stamp()
            if stamp != self._stamp:
                self._ring, self._stamp = self.file.read(), stamp
        return self._ring

    def now(self) -> KeyRing:
        """The ring, the last that was known while the file cannot be read: for what was stored."""
        try:
            return self.certain()
        except SecretUnusable:
            return self._ring

    def again(self) -> KeyRing:
        """The ring, read again also when the file looks unchanged: for a key that is not in it."""
        self._stamp = None
        return self.now()
