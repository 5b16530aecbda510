"""A terminal is asked from a child process: whatever that does, there is an answer in time, and no child remains."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

import pytest

from reference_server.doctor.probe import Answers, Ending, Probe


def asked(*lines: str, deadline_seconds: float = 20.0, request: object = None) -> Answers:
    """Ask a child that does these lines of Python, with `say` at hand."""
    program = [
        "import json, os, sys, time",
        "def say(event, step='', **rest): print(json.dumps({'event': event, 'step': step, **rest}), flush=True)",
        *lines,
    ]
    probe = Probe(deadline_seconds, command=(sys.executable, "-c", "\n".join(program)))
    return probe.ask(json.dumps({"request": request}).encode())


BEGIN = "say('begin', 'account')"
END = "say('end', 'account', facts={'login': 1}, seconds=0.5)"


def test_a_survey_that_comes_to_its_end() -> None:
    answers = asked(BEGIN, END, "say('done')")
    assert answers == Answers({"account": {"login": 1}}, {"account": 0.5})


def test_the_request_is_told_on_standard_input_and_nowhere_else() -> None:
    lines = [
        "request = json.loads(sys.stdin.readline())['request']",
        "say('begin', 'look')",
        "seen = any(request in text for text in [*sys.argv, *os.environ.values()])",
        "say('end', 'look', facts={'request': request, 'seen': seen}, seconds=0)",
        "say('done')",
    ]
    assert asked(*lines, request="a secret word").steps["look"] == {"request": "a secret word", "seen": False}


@pytest.mark.parametrize("hanging", ["time.sleep(600)", "os.kill(os.getpid(), __import__('signal').SIGSTOP)"])
def test_a_call_that_hangs_is_given_up_at_its_deadline(hanging: str) -> None:
    began = time.monotonic()
    answers = asked(BEGIN, END, "say('begin', 'terminal')", hanging, deadline_seconds=0.2)
    assert time.monotonic() - began < 15
    assert (answers.ending, answers.stopped_at) == (Ending.SILENT, "terminal")
    assert answers.reason == "no answer in 0.2 s"
    assert answers.steps == {"account": {"login": 1}}


def test_logging_in_may_take_longer() -> None:
    answers = asked("say('begin', 'initialize')", "time.sleep(600)", deadline_seconds=0.1)
    assert answers.reason == "no answer in 0.4 s"


@pytest.mark.parametrize(("crash", "code"), [("os._exit(7)", 7), ("os.abort()", -6)])
def test_a_child_that_ends_in_the_middle(crash: str, code: int) -> None:
    answers = asked(BEGIN, crash)
    assert (answers.ending, answers.stopped_at) == (Ending.ENDED, "account")
    assert answers.reason == f"the process that asked it ended with code {code}"


def test_a_child_that_cannot_even_start() -> None:
    answers = asked("raise SystemExit(3)")
    assert (answers.ending, answers.stopped_at) == (Ending.ENDED, "start")


def test_a_step_that_fails_still_leaves_time_to_tidy_up() -> None:
    tidied = ["say('begin', 'shutdown')", "say('end', 'shutdown', facts={'done': True}, seconds=0)"]
    answers = asked(BEGIN, "say('failed', 'account', reason='OSError: gone')", *tidied)
    assert (answers.ending, answers.stopped_at, answers.reason) == (Ending.FAILED, "account", "OSError: gone")
    assert answers.steps == {"shutdown": {"done": True}}


def test_nothing_is_left_behind() -> None:
    lines: Sequence[str] = ("say('begin', 'look')", "say('end', 'look', facts={'pid': os.getpid()}, seconds=0)")
    pid = asked(*lines, "say('done')", "time.sleep(600)").steps["look"]["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_hangs_up_before_it_has_read() -> None:
    assert asked("os.close(0)", "raise SystemExit(1)", request="x" * 10_000).ending is Ending.ENDED
