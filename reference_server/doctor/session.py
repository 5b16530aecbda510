"""What the answers of a terminal mean that is logged in: its switches, the account, symbols and prices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.doctor.inquiry import Login
from reference_server.doctor.probe import Answers, Ending, Facts
from reference_server.doctor.trouble import explain_initialize, explain_retcode, remedy_of
from reference_server.terminals.adapter.zones import HOUR_MS, KNOWN_RULES, ServerZone

_SLOW_PING_MICROSECONDS: Final = 300_000
_FEW_BARS: Final = 10_000
_SLOW_LISTING_SECONDS: Final = 5.0
_QUARTER_MS: Final = 15 * 60_000
_EARLIEST_MS: Final = -12 * HOUR_MS
_LATEST_MS: Final = 14 * HOUR_MS
_CLOCK_ERROR_MS: Final = 5_000
"""How far a tick that has just come may be from a whole quarter of an hour: more, and the machine's clock is wrong."""
_DISABLED: Final = 0
_FULL: Final = 4
_MARGIN_MODES: Final = {0: "netting", 1: "exchange", 2: "hedging"}
_TRADE_MODES: Final = {0: "demo", 1: "contest", 2: "real"}
_FILLINGS: Final = ((1, "fill or kill"), (2, "immediate or cancel"), (4, "book or cancel"))
_CALLS: Final = {
    "account": "account_info",
    "terminal": "terminal_info",
    "symbols": "symbols_get",
    "symbol": "symbol_select",
    "tick": "symbol_info_tick",
    "hide symbol": "symbol_select",
}
"""What was called in a step that is not named after its call."""


def judge(answers: Answers, expected: Login) -> Iterator[Finding]:
    """Say what the answers mean, in the order they were given, and why there are no more."""
    steps = answers.steps
    if "initialize" in steps:
        yield from _judge_initialize(steps["initialize"], answers.seconds["initialize"], expected)
    if "account" in steps:
        yield from _judge_account(steps["account"], expected)
    if "terminal" in steps:
        yield from _judge_terminal(steps["terminal"])
    if "symbols" in steps:
        yield from _judge_symbols(steps["symbols"], answers.seconds["symbols"])
    if "symbol" in steps:
        yield from _judge_symbol(steps["symbol"])
    if "tick" in steps:
        yield from _judge_tick(steps["tick"], steps["symbol"]["name"])
    if "order_check" in steps:
        yield from _judge_order_check(steps["order_check"], steps["symbol"]["name"])
    if answers.ending is not Ending.COMPLETE and "open" in steps:
        yield _judge_ending(answers)


def _judge_initialize(facts: Facts, seconds: float, expected: Login) -> Iterator[Finding]:
    if facts["done"]:
        yield ok("login", f"logged in to {expected.server} as {expected.login} in {seconds:.1f} s")
    else:
        yield explain_initialize(*facts["error"])


def _judge_account(facts: Facts, expected: Login) -> Iterator[Finding]:
    if "error" in facts:
        yield _silent("account", facts)
        return
    if facts["login"] != expected.login or facts["server"].casefold() != expected.server.casefold():
        says = f"the terminal answers for {facts['login']} at {facts['server']}, which is another account"
        remedy = "Give each account a copy of the terminal's folder for itself, and let nobody log in to it by hand."
        yield problem("account", says, remedy)
        return
    kind = _TRADE_MODES.get(facts["trade_mode"], "account")
    mode = _MARGIN_MODES.get(facts["margin_mode"], f"margin mode {facts['margin_mode']}")
    yield ok("account", f"{kind}, {mode}, {facts['currency']}, leverage 1:{facts['leverage']}")
    if not facts["trade_allowed"]:
        says = "the account may not trade (10017): the password is the investor's, or the broker made it read-only"
        yield problem("account", says, remedy_of(10017))
    if not facts["trade_expert"]:
        says = "the broker forbids automated trading on this account: every order is refused (10026)"
        yield problem("account", says, remedy_of(10026))
    if facts["fifo_close"]:
        yield note("account", "of a symbol's positions the oldest must be closed first; others are refused (10045)")


def _judge_terminal(facts: Facts) -> Iterator[Finding]:
    if "error" in facts:
        yield _silent("terminal", facts)
        return
    ping_ms = facts["ping_last"] / 1000
    yield ok("terminal", f"build {facts['build']}, ping {ping_ms:.0f} ms, in {facts['path']}")
    if not facts["connected"]:
        says = "the terminal has no connection to the trade server: prices stand still, orders are refused (10031)"
        yield problem("terminal", says, remedy_of(10031))
    if not facts["trade_allowed"]:
        yield problem("terminal", "AutoTrading is off: every order is refused (10027)", remedy_of(10027))
    if facts["tradeapi_disabled"]:
        remedy = "Clear “Disable algorithmic trading via external Python API” in Tools, Options, Expert Advisors."
        yield problem("terminal", "the terminal takes no orders from Python (error -8)", remedy)
    if facts["ping_last"] > _SLOW_PING_MICROSECONDS:
        remedy = "Choose the broker's nearest access point, or a machine closer to it."
        yield warning("terminal", f"the trade server is {ping_ms:.0f} ms away: so much longer is every order", remedy)
    if facts["maxbars"] < _FEW_BARS:
        remedy = "Raise “Max bars in chart” in Tools, Options, Charts, and restart the terminal."
        yield warning("terminal", f"the terminal gives {facts['maxbars']:,} bars at most", remedy)


def _judge_symbols(facts: Facts, seconds: float) -> Iterator[Finding]:
    says = f"{facts['count']:,} symbols, listed in {seconds:.1f} s"
    if not facts["count"]:
        code, text = facts["error"]
        remedy = "Wait until the terminal has loaded its symbols and ask again."
        yield problem("symbols", f"the terminal lists none ({code}, {text})", remedy)
    elif seconds > _SLOW_LISTING_SECONDS:
        remedy = "The list is read at the login and once an hour, and nothing else is answered meanwhile: a faster "
        yield warning("symbols", says, remedy + "machine helps, as does a broker's account type with fewer symbols.")
    else:
        yield ok("symbols", says)


def _judge_symbol(facts: Facts) -> Iterator[Finding]:
    if "error" in facts:
        yield _silent(facts["name"], facts)
        return
    modes = [word for bit, word in _FILLINGS if facts["filling_mask"] & bit] or ["return only"]
    yield ok(facts["name"], f"smallest order {facts['volume_min']:g} lots, filling: {', '.join(modes)}")
    if facts["trade_mode"] == _DISABLED:
        remedy = "Trade the variant that this account has: its name often has a suffix."
        yield warning(facts["name"], "the broker does not let this symbol be traded", remedy)
    elif facts["trade_mode"] != _FULL:
        yield note(facts["name"], "the broker restricts this symbol to one direction, or to closing")


def _judge_tick(facts: Facts, symbol: str) -> Iterator[Finding]:
    if "time_ms" not in facts:
        remedy = "Look again in market hours; without prices a symbol cannot be traded."
        yield warning(symbol, "has no price yet: the market is closed, or prices are still loading", remedy)
        return
    if not facts["is_new"]:
        says = "no new tick came: the market is closed or quiet, so the broker's clock stays unknown"
        yield note(symbol, says)
        return
    difference = facts["time_ms"] - facts["now_ms"]
    offset = round(difference / _QUARTER_MS) * _QUARTER_MS
    if not _EARLIEST_MS <= offset <= _LATEST_MS:
        remedy = "A replay or a clock of its own does that in a simulated broker; else set the machine's clock."
        yield warning(symbol, f"ticks arrive that are {difference / HOUR_MS:+,.0f} hours from now", remedy)
        return
    rules = [rule for rule in KNOWN_RULES if rule.offset_at_utc(facts["now_ms"]) == offset]
    zone = f"UTC{offset / HOUR_MS:+g}, {_ruled(rules[0]) if rules else 'taken as fixed'}"
    if abs(difference - offset) > _CLOCK_ERROR_MS:
        says = f"a tick that has just come is {(difference - offset) / 1000:+.0f} s off the broker's clock ({zone})"
        yield warning("clock", says, "Let the machine keep its time (timesyncd, chrony, Windows' time service).")
    else:
        yield ok(symbol, f"ticks arrive; the broker's clock is {zone}")


def _ruled(rule: ServerZone) -> str:
    hours = rule.ahead_ms // HOUR_MS
    return f"as {rule.zone.replace('_', ' ')}{f' + {hours} h' if hours else ''}"


def _judge_order_check(facts: Facts, symbol: str) -> Iterator[Finding]:
    if "retcode" not in facts:
        yield _silent("order check", facts)
    else:
        yield explain_retcode(facts["retcode"], f"buying {facts['volume']:g} lots of {symbol}")


def _judge_ending(answers: Answers) -> Finding:
    says = f"{_CALLS.get(answers.stopped_at, answers.stopped_at)}: {answers.reason}"
    if answers.ending is Ending.SILENT:
        remedy = "The terminal hangs, perhaps behind a dialog: look at its window, end it and start it again. "
        remedy += "--deadline gives a slow one more time."
    elif answers.ending is Ending.ENDED:
        remedy = "The package crashed: update it and numpy; below Wine use numpy 1.26, or Wine 10."
    else:
        remedy = "Restart the terminal and ask again; its journal says why it stopped."
    return problem("terminal", says, remedy)


def _silent(subject: str, facts: Facts) -> Finding:
    code, text = facts["error"]
    remedy = "Restart the terminal and ask again; its journal says why it stopped."
    return problem(subject, f"the terminal does not answer ({code}, {text})", remedy)
