"""The simulated broker: can it be built from the settings, can its accounts be read, does it answer."""

from __future__ import annotations

from collections.abc import Iterator

from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.doctor.finding import Finding, ok, problem
from reference_server.doctor.inquiry import Inquiry
from reference_server.doctor.probe import Answers
from reference_server.doctor.session import judge
from reference_server.provider import choose_terminals
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Hosted, Served

_SUBJECT = "simulator"


def examine_simulated(settings: Settings, inquiry: Inquiry) -> Iterator[Finding]:
    """Build the broker in a child, or connect to the one that is served, and log in where that is asked for."""
    if settings.simulator_process == "per_account" or settings.simulator_address is not None:
        try:
            choose_terminals(settings, SystemClock())  # builds no broker: this one is elsewhere
        except ProviderUnusable as error:
            yield problem(_SUBJECT, str(error), "Correct what is named and ask again.")
            return
        assert settings.simulator_address is not None
        served = Served(settings.simulator_address, settings.simulator_token or "")
        answers = inquiry.ask(served, logging_in=inquiry.login is not None)
        yield from _judge_served(answers, settings.simulator_address)
    else:
        configuration = None if settings.simulator_config is None else str(settings.simulator_config)
        hosted = Hosted(settings.simulator_seed, configuration, str(settings.data_dir))
        answers = inquiry.ask(hosted, logging_in=inquiry.login is not None)
        yield from _judge_hosted(answers)
    if inquiry.login is not None:
        yield from judge(answers, inquiry.login)


def _judge_hosted(answers: Answers) -> Iterator[Finding]:
    facts = answers.steps.get("open")
    if facts is None:
        remedy = "Correct what is named. Accounts that cannot be read can be moved away: the broker then starts afresh."
        yield problem(_SUBJECT, answers.reason, remedy)
    else:
        accounts = facts["accounts"]
        yield ok(_SUBJECT, f"{facts['symbols']} symbols and {accounts} account{'' if accounts == 1 else 's'}")


def _judge_served(answers: Answers, address: str) -> Iterator[Finding]:
    if "open" in answers.steps:
        yield ok(_SUBJECT, f"a served broker answers at {address}")
    else:
        remedy = "Start it with tonpo simulator serve, or correct simulator_address and simulator_token."
        yield problem(_SUBJECT, answers.reason, remedy)
