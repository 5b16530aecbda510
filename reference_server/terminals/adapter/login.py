"""Logging in, and making sure that it is the right account that answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reference_server.domain.account import Mt5Credentials
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import (
    ERROR_AUTH_FAILED,
    ERROR_INCOMPATIBLE,
    ERROR_INVALID_PARAMS,
    ERROR_IPC_INIT,
    ERROR_UNSUPPORTED,
)
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused

_LONGEST_TEXT: Final = 253
"""Of a password or server name; the package refuses more as an argument error."""


def log_in(connection: Connection, credentials: Mt5Credentials, terminal: Mapping[str, Any]) -> Any:
    """Connect the terminal, log in and give the account's record. Raises LoginRefused, BrokerUnreachable.

    A terminal that is already open may answer for the account of somebody else, so login and server are compared
    with what was asked for before anything is believed.
    """
    module = connection.module
    login = _number(credentials.login)
    if max(len(credentials.password), len(credentials.server)) > _LONGEST_TEXT:
        raise LoginRefused("The broker refused the login: password or server name is too long.")
    arguments = {key: value for key, value in terminal.items() if value is not None}
    path = arguments.pop("path", None)
    positional = () if path is None else (path,)
    try:
        is_connected = module.initialize(
            *positional, login=login, password=credentials.password, server=credentials.server, **arguments
        )
    except (SystemError, TypeError, ValueError, OverflowError, OSError, EOFError) as defect:
        raise BrokerUnreachable("The terminal module failed while it was started.") from defect
    if not is_connected:
        code, text = module.last_error()
        raise _failure(code, text, credentials.server)
    account = module.account_info()
    if account is None:
        code, text = module.last_error()
        module.shutdown()
        raise BrokerUnreachable(f"The terminal lost its connection after the login ({code}, {text}).")
    if account.login != login or account.server.casefold() != credentials.server.casefold():
        module.shutdown()
        raise BrokerUnreachable("The terminal answers for another account than the one that was asked for.")
    return account


def _failure(code: int, text: str, server: str) -> LoginRefused | BrokerUnreachable:
    """Say whether trying again can help, and who must do something if it cannot."""
    if code in (ERROR_AUTH_FAILED, ERROR_INVALID_PARAMS):
        return LoginRefused("The broker refused the login: check login, password and server.")
    if code == ERROR_UNSUPPORTED:
        return LoginRefused("The broker asks for a one-time password or a certificate, which is not supported.")
    if code == ERROR_IPC_INIT:
        return BrokerUnreachable(f"The MetaTrader 5 terminal did not start or answer ({code}, {text}).")
    if code == ERROR_INCOMPATIBLE:
        return BrokerUnreachable(f"The MetaTrader 5 terminal and the Python package do not fit ({code}, {text}).")
    return BrokerUnreachable(f"No answer from {server} ({code}, {text}).")


def _number(login: str) -> int:
    if not (login.isascii() and login.isdigit() and 0 < len(login) <= 18 and int(login)):
        raise LoginRefused("The broker refused the login: an MT5 login is a number.")
    return int(login)
