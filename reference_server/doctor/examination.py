"""The whole examination: every subject in its order, whatever the one before found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from reference_server.config import ConfigError, Settings, load_settings
from reference_server.doctor.data import examine_data, is_in_use
from reference_server.doctor.database import examine_database
from reference_server.doctor.finding import Finding, ok, problem
from reference_server.doctor.inquiry import Inquiry, Login
from reference_server.doctor.keys import examine_keys
from reference_server.doctor.machine import ClockWatch, examine_python
from reference_server.doctor.metatrader5 import examine_metatrader5
from reference_server.doctor.mt5linux import examine_mt5linux
from reference_server.doctor.network import examine_port, examine_tls
from reference_server.doctor.probe import Probe
from reference_server.doctor.simulated import examine_simulated
from reference_server.storage.ownership import DataInUse


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
    login: Login | None = None
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
            ("port", partial(examine_port, is_running=_is_running(settings))),
            (settings.terminal, self._examine_terminal),
        )
        for subject, examine in subjects:
            yield from _guarded(subject, partial(examine, settings))
        yield from _guarded("clock", watch.examine)

    def _examine_terminal(self, settings: Settings) -> Iterator[Finding]:
        inquiry = Inquiry(self.login, self.probe, self.watch_seconds, _is_running(settings))
        yield from _TERMINALS[settings.terminal](settings, inquiry)


def _examine_none(_settings: Settings, _inquiry: Inquiry) -> Iterator[Finding]:
    yield ok("terminal", "the gateway has none of its own: accounts wait for their nodes")


_TERMINALS: Final[Mapping[str, Callable[[Settings, Inquiry], Iterator[Finding]]]] = {
    "simulated": examine_simulated,
    "metatrader5": examine_metatrader5,
    "mt5linux": examine_mt5linux,
    "none": _examine_none,
}


def _is_running(settings: Settings) -> bool:
    try:
        return is_in_use(settings)
    except (DataInUse, OSError):  # which is told elsewhere
        return False


def _guarded(subject: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except Exception as error:
        says = f"could not be looked at: {type(error).__name__}: {error}"
        yield problem(subject, says, "Please report this line: the doctor did not expect it.")
