"""A whole gateway against a model: users, accounts, trades, sockets, a broker with faults, and kill -9 at any moment.

`TONPO_TRIAL_SEED`, `TONPO_TRIAL_EXAMPLES` and `TONPO_TRIAL_STEPS` make long runs of it; `TONPO_TRIAL_TRANSCRIPTS` names
a folder for the transcripts of all examples. The same seed makes the same choices; what real processes make of them
also depends on time.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from conformance.contract import Contract, load_contract
from reference_server.app import CAPABILITIES
from tests.trials.moves import Move, moves
from tests.trials.processes import Broker
from tests.trials.sockets import LoopThread
from tests.trials.steps import Steps
from tests.trials.trial import Trial

SEED = int(os.environ.get("TONPO_TRIAL_SEED", "1"))
EXAMPLES = int(os.environ.get("TONPO_TRIAL_EXAMPLES", "3"))
"""The first is the simplest that there is."""
STEPS = int(os.environ.get("TONPO_TRIAL_STEPS", "30"))
SHOWN_LINES = 200


class GatewayMachine(RuleBasedStateMachine):
    """Move after move. One rule makes them all: of several, Hypothesis would switch most off in most examples."""

    nursery: str
    broker: Broker
    thread: LoopThread
    contract: Contract
    last: Trial | None = None

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="trial")
        self.trial = Trial(Path(self._folder.name), self.nursery, self.broker, self.contract, self.thread)
        self.steps = Steps(self.trial)
        type(self).last = self.trial

    @initialize()
    def begin(self) -> None:
        self.steps.begin()

    @rule(move=moves())
    def move(self, move: Move) -> None:
        name, arguments = move
        self.trial.transcript.note(f"-- {name} {arguments}")
        getattr(self.steps, name)(**arguments)

    @invariant()
    def answers_are_valid(self) -> None:
        self.trial.check_answers()

    def teardown(self) -> None:
        try:
            self.trial.reckon()
        finally:
            self.trial.close()
            self._folder.cleanup()
            if "TONPO_TRIAL_TRANSCRIPTS" in os.environ:
                place = Path(os.environ["TONPO_TRIAL_TRANSCRIPTS"], f"{SEED}-{time.time_ns()}")
                place.write_text(str(self.trial.transcript))


def test_a_gateway_agrees_with_its_broker_whatever_happens(
    nursery: str, broker: Broker, thread: LoopThread, tmp_path: Path
) -> None:
    class Machine(GatewayMachine):
        pass

    Machine.nursery, Machine.broker, Machine.thread = nursery, broker, thread
    Machine.contract = load_contract(CAPABILITIES)
    try:
        run_state_machine_as_test(
            seed(SEED)(Machine),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                report_multiple_bugs=False,
            ),
        )
    except BaseException as failure:
        if Machine.last is not None:
            transcript, log = str(Machine.last.transcript), Machine.last.log
            (tmp_path / "transcript").write_text(transcript)
            (tmp_path / "gateway.log").write_text(log)
            shown = "\n".join(transcript.splitlines()[-SHOWN_LINES:])
            failure.add_note(f"seed {SEED}; the whole transcript and the gateway's log are in {tmp_path}\n{shown}")
        raise
