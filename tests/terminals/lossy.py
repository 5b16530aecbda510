"""A module between the adapter and the simulated terminal that loses answers and requests, and rewrites comments."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

_READERS = {"orders_get", "positions_get", "history_orders_get", "history_deals_get"}


class LossyModule:
    """`loses`: "answer" (executed), "request" (not executed) or None. `rewrite` is what the broker does to comments.

    `hidden`: names of the reading functions that do not show anything new yet.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._error: tuple[int, str] | None = None
        self._shown: dict[str, set[int]] = {}
        self.loses: str | None = None
        self.rewrite: Callable[[str], str] = str
        self.hidden: set[str] = set()
        self.executed: list[int] = []
        self.sends = 0

    def order_send(self, request: dict[str, Any], /) -> Any:
        self.sends += 1
        if self.loses != "request":
            answer = self._module.order_send(request)
            if answer.retcode in (10008, 10009, 10010) and answer.order:
                self.executed.append(answer.order)
            if self.loses is None:
                self._error = None
                return answer
        self._error = (-10002, "IPC recv failed")
        return None

    def last_error(self) -> Any:
        return self._error or self._module.last_error()

    def hide_new(self, *readers: str) -> None:
        """Show in these only what they show now."""
        for reader in readers:
            arguments = (0, 2**31 - 1) if reader.startswith("history") else ()
            self._shown[reader] = {record.ticket for record in getattr(self._module, reader)(*arguments)}
        self.hidden |= set(readers)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._module, name)
        if name not in _READERS:
            return function

        def read(*args: Any, **kwargs: Any) -> Any:
            self._error = None
            records = function(*args, **kwargs)
            if records is None:
                return None
            shown = self._shown.get(name, set())
            visible = [record for record in records if name not in self.hidden or record.ticket in shown]
            return tuple(
                SimpleNamespace(**{**record._asdict(), "comment": self.rewrite(record.comment)}) for record in visible
            )

        return read
