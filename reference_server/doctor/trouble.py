"""Error codes of a terminal, put into words: what is the matter and what helps.

Sources: the texts of the genuine package, the MQL5 reference on return codes of the trade server, and what users of the
package have reported.
"""

from __future__ import annotations

from typing import Final

from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.terminals.adapter import retcodes

_CHECK_PASSED: Final = 0
_MARKET_CLOSED: Final = 10018
_NO_MONEY: Final = 10019

_INITIALIZE: Final[dict[int, tuple[str, str]]] = {
    -2: (
        "the package refused the arguments of the login",
        "Password and server may have 253 characters at most, the path of the terminal 257.",
    ),
    -5: (
        "terminal and package do not fit together",
        "Update the terminal, and the package with pip install --upgrade MetaTrader5.",
    ),
    -6: (
        "the broker refused the login",
        "Check login, password and server name as the broker wrote them; demo accounts expire. Do not try many times: "
        "brokers lock accounts.",
    ),
    -7: (
        "the broker asks for a one-time password or a certificate, which is not supported",
        "Ask the broker for an account without it.",
    ),
    -10002: (
        "the connection broke while the terminal was asked: it was closed, crashed, or is updating itself",
        "Ask again. When it happens often: switch the automatic update off, and look at the terminal's memory.",
    ),
    -10003: (
        "no terminal was found or started",
        "Check the path of terminal64.exe and start it by hand as this user; below Wine it needs a display (Xvfb).",
    ),
    -10005: (
        "the terminal runs and has not logged in in time",
        "Look at its window: a dialog may wait there. A server name that this terminal has never seen must be found "
        "once by hand: File, Open an Account.",
    ),
}
_OTHERWISE: Final = (
    "the terminal could not be logged in",
    "Start the terminal by hand, log in there, and look at its journal.",
)
_REMEDIES: Final[dict[int, str]] = {
    10017: "Log in with the master password; if it was that one, ask the broker.",
    10026: "Ask the broker to allow automated trading, or use another account.",
    10027: "Press the button Algo Trading in the terminal and allow algorithmic trading in Tools, Options, Expert "
    "Advisors; there, do not let a change of account switch it off.",
    10030: "Ask the broker which filling the symbol takes; its specification in the terminal names it.",
    10031: "Look at the terminal's journal: network, firewall, the broker's maintenance hours.",
    10033: "Delete pending orders: the broker limits their number.",
    10034: "Reduce the positions in the symbol: the broker limits their volume.",
    10040: "Close positions: the broker limits their number.",
    _NO_MONEY: "Put money into the account, or trade what needs less margin.",
}


def explain_initialize(code: int, text: str) -> Finding:
    """Say why `initialize` failed, by its `last_error`."""
    says, remedy = _INITIALIZE.get(code, _OTHERWISE)
    return problem("login", f"{says} ({code}, {text})", remedy)


def remedy_of(retcode: int) -> str:
    """Say what helps against a refusal."""
    return _REMEDIES.get(retcode, "The journal of the terminal may say more.")


def explain_retcode(retcode: int, asked: str) -> Finding:
    """Say what the answer of `order_check` means for an order that is described by `asked`."""
    subject = "order check"
    if retcode == _CHECK_PASSED:
        return ok(subject, f"{asked} would be taken (nothing was sent)")
    says = f"{asked} would be refused ({retcode}): {retcodes.sentence_of(retcode)}"
    if retcode == _MARKET_CLOSED:
        return note(subject, says)
    return (warning if retcode == _NO_MONEY else problem)(subject, says, remedy_of(retcode))
