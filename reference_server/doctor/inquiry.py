"""What a terminal is to be asked: the request that a survey reads, and the asking of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from reference_server.doctor.probe import Answers, Probe
from reference_server.terminals.workers.sources import OwnSource


class Login(msgspec.Struct, frozen=True):
    """The account to log in with."""

    login: int
    server: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Login({self.login}, {self.server!r})"


class Request(msgspec.Struct, frozen=True):
    """One terminal, whether to log in, and for how many seconds to wait for a new tick."""

    source: OwnSource
    login: Login | None
    watch_seconds: float


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How this examination asks terminals. `is_running`: a gateway runs on these data and may use the same ones."""

    login: Login | None = None
    probe: Probe = field(default_factory=Probe)
    watch_seconds: float = 5.0
    is_running: bool = False

    def ask(self, source: OwnSource, *, logging_in: bool) -> Answers:
        """Ask in a child, with or without the login. A repeated call may run at the same time."""
        request = Request(source, self.login if logging_in else None, self.watch_seconds)
        return self.probe.ask(msgspec.json.encode(request))
