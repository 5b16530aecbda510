"""What the doctor makes of a terminal's answers, and how its findings are shown."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from reference_server.doctor import report
from reference_server.doctor.finding import Finding, Verdict, note, ok, problem, warning
from reference_server.doctor.inquiry import Login
from reference_server.doctor.machine import judge_clock
from reference_server.doctor.probe import Answers, Ending
from reference_server.doctor.session import judge

from .conftest import only, problems, verdicts

EXPECTED = Login(5001234, "Broker-Demo", "")
NOW_MS = 1_750_000_000_000
HOUR_MS = 3_600_000
HEALTHY: Mapping[str, Mapping[str, Any]] = {
    "open": {},
    "initialize": {"done": True, "error": [1, "Success"]},
    "account": {
        "login": 5001234, "server": "Broker-Demo", "currency": "EUR", "leverage": 30, "trade_mode": 0, "margin_mode": 2,
        "trade_allowed": True, "trade_expert": True, "fifo_close": False,
    },
    "terminal": {
        "connected": True, "trade_allowed": True, "tradeapi_disabled": False, "build": 5830, "maxbars": 100_000,
        "ping_last": 24_000, "path": "C:\\MT5",
    },
    "symbols": {"count": 1_200, "error": [1, "Success"]},
    "symbol": {"name": "EURUSD", "filling_mask": 3, "execution": 2, "trade_mode": 4, "volume_min": 0.01},
    "tick": {"time_ms": NOW_MS + 3 * HOUR_MS - 40, "now_ms": NOW_MS, "is_new": True},
    "order_check": {"error": [1, "Success"], "retcode": 0, "comment": "Done", "volume": 0.01},
}  # fmt: skip


def judged(
    *, changed: Mapping[str, Mapping[str, Any]] | None = None, ending: Ending = Ending.COMPLETE, stopped_at: str = ""
) -> list[Finding]:
    """Judge healthy answers with some facts changed, or those before the step where the survey stopped."""
    names = list(HEALTHY)
    reached = names[: names.index(stopped_at)] if stopped_at in names else names
    steps = {name: {**HEALTHY[name], **(changed or {}).get(name, {})} for name in reached}
    reason = "no answer in 30 s" if ending is Ending.SILENT else "why"
    return list(judge(Answers(steps, dict.fromkeys(steps, 0.4), ending, stopped_at, reason), EXPECTED))


def test_a_healthy_terminal() -> None:
    found = judged()
    assert set(verdicts(found)) == {Verdict.OK}
    assert [finding.says for finding in found] == [
        "logged in to Broker-Demo as 5001234 in 0.4 s",
        "demo, hedging, EUR, leverage 1:30",
        "build 5830, ping 24 ms, in C:\\MT5",
        "1,200 symbols, listed in 0.4 s",
        "smallest order 0.01 lots, filling: fill or kill, immediate or cancel",
        "ticks arrive; the broker's clock is UTC+3, as America/New York + 7 h",
        "buying 0.01 lots of EURUSD would be taken (nothing was sent)",
    ]


@pytest.mark.parametrize(
    ("step", "facts", "said"),
    [
        ("account", {"trade_allowed": False}, "the account may not trade (10017)"),
        ("account", {"trade_expert": False}, "the broker forbids automated trading"),
        ("account", {"login": 1}, "the terminal answers for 1 at Broker-Demo"),
        ("account", {"server": "Other"}, "the terminal answers for 5001234 at Other"),
        ("account", {"error": [-10002, "IPC recv failed"]}, "the terminal does not answer (-10002, IPC recv failed)"),
        ("terminal", {"trade_allowed": False}, "AutoTrading is off"),
        ("terminal", {"tradeapi_disabled": True}, "the terminal takes no orders from Python (error -8)"),
        ("terminal", {"connected": False}, "the terminal has no connection to the trade server"),
        ("symbols", {"count": 0, "error": [-1, "Terminal: Call failed"]}, "the terminal lists none (-1, Terminal"),
        ("order_check", {"retcode": 10027}, "buying 0.01 lots of EURUSD would be refused (10027)"),
        ("order_check", {"retcode": 19_999}, "would be refused (19999)"),
    ],
)
def test_what_keeps_orders_from_being_placed_is_a_problem(step: str, facts: Mapping[str, Any], said: str) -> None:
    finding = only(judged(changed={step: facts}), Verdict.PROBLEM)
    assert said in finding.says
    assert finding.remedy


@pytest.mark.parametrize(
    ("step", "facts", "verdict"),
    [
        ("account", {"fifo_close": True}, Verdict.NOTE),
        ("terminal", {"ping_last": 900_000}, Verdict.WARNING),
        ("terminal", {"maxbars": 500}, Verdict.WARNING),
        ("symbol", {"trade_mode": 0}, Verdict.WARNING),
        ("symbol", {"trade_mode": 3}, Verdict.NOTE),
        ("tick", {"is_new": False}, Verdict.NOTE),
        ("tick", {"time_ms": NOW_MS + 3 * HOUR_MS + 30_000}, Verdict.WARNING),
        ("tick", {"time_ms": NOW_MS - 9_000 * HOUR_MS}, Verdict.WARNING),
        ("tick", {"time_ms": 2**62}, Verdict.WARNING),
        ("order_check", {"retcode": 10018}, Verdict.NOTE),
        ("order_check", {"retcode": 10019}, Verdict.WARNING),
    ],
)
def test_what_leaves_orders_possible_is_none(step: str, facts: Mapping[str, Any], verdict: Verdict) -> None:
    found = judged(changed={step: facts})
    assert only(found, verdict)
    assert not problems(found)


@pytest.mark.parametrize(
    ("hours", "zone"), [(0, "UTC+0, taken as fixed"), (2, "UTC+2, as Europe/Berlin"), (5.5, "UTC+5.5, taken as fixed")]
)
def test_a_broker_elsewhere(hours: float, zone: str) -> None:
    found = judged(changed={"tick": {"time_ms": round(NOW_MS + hours * HOUR_MS)}})
    assert f"ticks arrive; the broker's clock is {zone}" in [finding.says for finding in found]


@pytest.mark.parametrize("code", [-2, -5, -6, -7, -10002, -10003, -10004, -10005, -99])
def test_a_login_that_fails_says_why_and_what_helps(code: int) -> None:
    steps = {"open": {}, "initialize": {"done": False, "error": [code, "text of the package"]}}
    found = list(judge(Answers(steps, {"initialize": 60.0}), EXPECTED))
    assert f"({code}, text of the package)" in only(found, Verdict.PROBLEM).says


def test_a_terminal_that_hangs_after_some_answers() -> None:
    found = judged(ending=Ending.SILENT, stopped_at="symbols")
    assert only(found, Verdict.PROBLEM).says == "symbols_get: no answer in 30 s"
    assert verdicts(found)[:3] == [Verdict.OK] * 3


@pytest.mark.parametrize("ending", [Ending.ENDED, Ending.FAILED])
def test_a_survey_that_stops(ending: Ending) -> None:
    assert problems(judged(ending=ending, stopped_at="tick")) == ["symbol_info_tick: why"]


def test_a_clock_that_was_never_set_or_jumps() -> None:
    assert verdicts(judge_clock(now=NOW_MS / 1000 + 86_400 * 300, wall_seconds=2.0, seconds=2.1)) == [Verdict.OK]
    assert verdicts(judge_clock(now=0, wall_seconds=2.0, seconds=2.0)) == [Verdict.PROBLEM]
    jumped = list(judge_clock(now=NOW_MS / 1000 + 86_400 * 300, wall_seconds=-58.0, seconds=2.0))
    assert only(jumped, Verdict.WARNING).says == "the machine's clock was moved by -60.0 s while this ran"


FINDINGS = [
    ok("python", "fine"),
    note("data", "new"),
    warning("tls", "soon", "Renew it."),
    problem("terminal", "[red]off[/red] " + "and on " * 40, "Press the button."),
]


def test_the_list_has_a_line_for_each_finding_and_one_for_each_remedy() -> None:
    shown = io.StringIO()
    report.print_list(FINDINGS, Console(file=shown, width=60, color_system=None))
    lines = shown.getvalue().splitlines()
    assert lines[0] == "  ok       python    fine"
    assert lines[3] == "           →         Renew it."
    assert lines[4].startswith("  problem  terminal  [red]off[/red] and on and on")
    assert lines[-2:] == ["", "1 problem and 1 warning."]
    assert len(lines) == 8


def test_the_list_fits_a_narrow_terminal() -> None:
    shown = io.StringIO()
    report.print_list(FINDINGS, Console(file=shown, width=60, force_terminal=True, color_system="standard"))
    lines = Console().render_str(shown.getvalue()).plain.splitlines()
    assert "\x1b[1;31m" in shown.getvalue()
    assert max(map(len, lines)) < 120


def test_nothing_wrong_is_said_so() -> None:
    shown = io.StringIO()
    report.print_list([ok("python", "fine")], Console(file=shown))
    assert shown.getvalue().endswith("\nNothing is wrong.\n")


def test_the_json_has_everything() -> None:
    told = json.loads(report.as_json(FINDINGS))
    assert told["healthy"] is False
    assert told["findings"][0] == {"subject": "python", "verdict": "ok", "says": "fine", "remedy": None}
    assert json.loads(report.as_json(FINDINGS[:3]))["healthy"] is True


def test_a_complaint_without_a_remedy_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="come with a remedy"):
        warning("tls", "soon", "")
    with pytest.raises(ValueError, match="come with a remedy"):
        Finding("tls", Verdict.OK, "fine", "Renew it.")
