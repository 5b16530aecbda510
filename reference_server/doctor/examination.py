"""The whole examination: every subject in its order, whatever the one before found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reference_server.config import ConfigError, Settings, load_settings
from reference_server.doctor import simulated
from reference_server.doctor.data import examine_data, is_in_use
from reference_server.doctor.database import examine_database
from reference_server.doctor.finding import Finding, ok, problem
from reference_server.doctor.keys import examine_keys
from reference_server.doctor.machine import ClockWatch, examine_python
from reference_server.doctor.network import examine_port, examine_tls
from reference_server.doctor.probe import Probe
from reference_server.doctor.session import Expected, judge
from reference_server.storage.ownership import DataInUse


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account to log in with. `repr` hides the password."""

    login: int
    server: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from: flags, the environment, a file."""

    flags: Mapping[str, object]
    environment: Mapping[str, str]
    config_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that is asked of one gateway. `watch_seconds`: how long a new tick is waited for."""

    sources: Sources
    credentials: Credentials | None = None
    probe: Probe = field(default_factory=Probe)
    watch_seconds: float = 5.0

    def findings(self) -> Iterator[Finding]:
        """Examine subject by subject. One that fails in a way that nobody foresaw is a finding as well."""
        watch = ClockWatch()
        yield from _guarded("python", examine_python)
        try:
            settings = load_settings(self.sources.flags, self.sources.environment, self.sources.config_file)
        except ConfigError as error:
            remedy = "Correct the setting and run this again: nothing that depends on the settings was looked at."
            yield problem("settings", str(error), remedy)
            return
        source = f"read, {self.sources.config_file} among them" if self.sources.config_file else "read"
        yield ok("settings", f"{source}; the terminal is {settings.terminal}")
        subjects: tuple[tuple[str, Callable[[Settings], Iterable[Finding]]], ...] = (
            ("data", examine_data),
            ("database", examine_database),
            ("keys", examine_keys),
            ("tls", examine_tls),
            ("port", _examine_port),
            ("terminal", self._examine_terminal),
        )
        for subject, examine in subjects:
            yield from _guarded(subject, partial(examine, settings))
        yield from _guarded("clock", watch.examine)

    def _examine_terminal(self, settings: Settings) -> Iterator[Finding]:
        request: dict[str, object] = {
            "terminal": simulated.terminal_of(settings),
            "credentials": None,
            "watch_seconds": self.watch_seconds,
        }
        expected = None
        if self.credentials is not None:
            expected = Expected(self.credentials.login, self.credentials.server)
            request["credentials"] = {
                "login": self.credentials.login,
                "password": self.credentials.password,
                "server": self.credentials.server,
            }
        answers = self.probe.ask(request)
        yield from simulated.judge_opening(answers)
        if expected is not None:
            yield from judge(answers, expected)


def _examine_port(settings: Settings) -> Iterator[Finding]:
    try:
        is_running = is_in_use(settings)
    except DataInUse:
        is_running = False
    yield from examine_port(settings, is_running=is_running)


def _guarded(subject: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except Exception as error:
        says = f"could not be looked at: {type(error).__name__}: {error}"
        yield problem(subject, says, "Please report this line: the doctor did not expect it.")
