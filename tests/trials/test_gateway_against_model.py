"""A whole gateway against a model: users, accounts, trades, sockets, a broker with faults, and kill -9 at any moment.

`TONPO_TRIAL_SEED`, `TONPO_TRIAL_EXAMPLES` and `TONPO_TRIAL_STEPS` make long runs of it; `TONPO_TRIAL_TRANSCRIPTS` names
a folder for the transcripts of all examples. The same seed makes the same choices; what real processes make of them
also depends on time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

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
STEPS = int(os.environ.get("TONPO_TRIAL_STEPS", "25"))
SHOWN_LINES = 200


class GatewayMachine(RuleBasedStateMachine):
    """Move after move. One rule makes them all: of several, Hypothesis would switch most off in most examples."""

    nursery: str
    broker: Broker
    thread: LoopThread
    contract: Contract
    failed: Trial | None = None
    """The first that failed: Hypothesis tries it once more, and the second time all may be well."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="trial")
        self.trial = Trial(Path(self._folder.name), self.nursery, self.broker, self.contract, self.thread)
        self.steps = Steps(self.trial)

    @initialize()
    def begin(self) -> None:
        with self._noted():
            self.steps.begin()

    @rule(move=moves())
    def move(self, move: Move) -> None:
        name, arguments = move
        self.trial.transcript.note(f"-- {name} {arguments}")
        with self._noted():
            moving = self.steps.hands if name.endswith("by_hand") else self.steps
            getattr(moving, name)(**arguments)
            self.trial.check_answers()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as failure:
            self.trial.transcript.note(f"FAILED: {failure!r}")
            machine = type(self)
            machine.failed = machine.failed or self.trial
            raise

    def teardown(self) -> None:
        try:
            with self._noted():
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
        if Machine.failed is not None:
            transcript, log = str(Machine.failed.transcript), Machine.failed.log
            (tmp_path / "transcript").write_text(transcript)
            (tmp_path / "gateway.log").write_text(log)
            shown = "\n".join(transcript.splitlines()[-SHOWN_LINES:])
            failure.add_note(f"seed {SEED}; the whole transcript and the gateway's log are in {tmp_path}\n{shown}")
        raise
