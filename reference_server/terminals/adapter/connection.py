"""The line to the terminal: every failed call becomes one typed error, read from `last_error` at once.

`last_error` is one value for the whole process and every call resets it, so nothing may be asked in between.
"""

from __future__ import annotations

from typing import Any

from reference_server.domain.errors import GatewayError, InternalError, OutcomeUnknown, TerminalUnavailable
from reference_server.terminals.adapter.constants import (
    ERROR_API_DISABLED,
    ERROR_FAILED,
    ERROR_INVALID_PARAMS,
    ERROR_IPC_CONNECT,
    ERROR_IPC_INIT,
    ERROR_NONE,
    ERROR_NOT_FOUND,
)
from reference_server.terminals.adapter.module import MetaTrader5Module


class NothingFound(TerminalUnavailable):
    """The terminal answered that it has no such thing; most callers know what that means for their question."""


class Connection:
    """Turns what the module answers into values or errors."""

    def __init__(self, module: MetaTrader5Module) -> None:
        self.module = module

    def failure(self, call: str) -> GatewayError:
        """Say why the reading call that just answered None failed. To be called before anything else is asked."""
        code, text = self.module.last_error()
        return self._error(call, code, text)

    @staticmethod
    def _error(call: str, code: int, text: str) -> GatewayError:
        if code in (ERROR_NOT_FOUND, ERROR_FAILED):
            return NothingFound(f"{call}: {text}")
        if code == ERROR_INVALID_PARAMS:
            return InternalError(f"The terminal module refused the arguments of {call}: {text}")
        return _unreachable(code, text)

    def answer(self, result: Any, call: str) -> Any:
        """Give `result` unless it is a failure. Raises TerminalUnavailable, InternalError, NothingFound."""
        if result is None or result is False:
            raise self.failure(call)
        return result

    def rows(self, result: Any, call: str) -> Any:
        """Give a tuple of records; nothing found is no record."""
        try:
            return self.answer(result, call)
        except NothingFound:
            return ()

    def raise_unless_nothing(self, call: str) -> None:
        """Raise why a reading call answered None, unless it found nothing or has nothing yet: that is no error.

        To be called before anything else is asked.
        """
        code, text = self.module.last_error()
        if code not in (ERROR_NONE, ERROR_NOT_FOUND, ERROR_FAILED):
            raise self._error(call, code, text)

    def send(self, request: dict[str, Any]) -> Any:
        """Send one trade request and give the broker's result, a refusal included.

        Raises TerminalUnavailable when nothing was sent, OutcomeUnknown when the request left and no answer came,
        InternalError when the module refused the arguments. The function is called directly with the dictionary:
        through any wrapper that forwards keywords the package refuses it.
        """
        try:
            result = self.module.order_send(request)
        except (SystemError, TypeError, ValueError, OverflowError) as defect:
            raise InternalError(f"The terminal module refused the order's arguments: {defect}") from defect
        except (OSError, EOFError) as lost:
            raise OutcomeUnknown from lost
        if result is not None:
            return result
        code, text = self.module.last_error()
        if code == ERROR_INVALID_PARAMS:
            raise InternalError(f"The terminal module refused the order's arguments: {text}")
        if code in (ERROR_IPC_CONNECT, ERROR_IPC_INIT):
            raise TerminalUnavailable(
                f"The MetaTrader 5 terminal cannot be reached ({code}, {text}): nothing was done."
            )
        if code == ERROR_API_DISABLED:
            raise TerminalUnavailable(
                "The MetaTrader 5 terminal does not accept orders from programs: its operator must allow"
                " automated trading. Nothing was done."
            )
        raise OutcomeUnknown

    def check(self, request: dict[str, Any]) -> Any:
        """Have one trade request checked and give the terminal's verdict. Raises TerminalUnavailable, InternalError."""
        try:
            return self.answer(self.module.order_check(request), "order_check")
        except (SystemError, TypeError, ValueError, OverflowError) as defect:
            raise InternalError(f"The terminal module refused the order's arguments: {defect}") from defect


def _unreachable(code: int, text: str) -> TerminalUnavailable:
    return TerminalUnavailable(f"The MetaTrader 5 terminal cannot be reached ({code}, {text}): nothing was done.")
