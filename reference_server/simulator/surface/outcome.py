"""How a call fails: the codes and texts of `last_error`."""

SUCCESS = (1, "Success")
NO_CALL_YET = (0, "")


class Failed(Exception):
    """A call that returns its failure value and sets `last_error`.

    With a `cause` it raises SystemError instead: the genuine module returns with a Python exception still set.
    """

    def __init__(self, code: int, text: str, cause: Exception | None = None) -> None:
        super().__init__(code, text)
        self.error = (code, text)
        self.cause = cause


class FailedLate(Exception):
    """A Python exception that the genuine module overlooks: the call goes on, and ends in SystemError whatever it did.

    `last_error` is that of the call.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def system_error(function: object, cause: Exception) -> SystemError:
    """What Python makes of a built-in function (itself, or its name) that returns a value and leaves an exception."""
    shown = f"<built-in function {function}>" if isinstance(function, str) else repr(function)
    error = SystemError(f"{shown} returned a result with an exception set")
    error.__cause__ = cause
    return error


def invalid_arguments(cause: Exception | None = None) -> Failed:
    """Wrong number or kind of positional arguments."""
    return Failed(-2, "Invalid arguments", cause)


def invalid_argument(name: str, cause: Exception | None = None) -> Failed:
    """One named argument is of the wrong kind or length."""
    return Failed(-2, f'Invalid "{name}" argument', cause)


def invalid_parameters() -> Failed:
    """The terminal, not the module, refuses."""
    return Failed(-2, "Terminal: Invalid params")


def not_found() -> Failed:
    """Unknown symbol, order or position."""
    return Failed(-4, "Terminal: Not found")


def call_failed() -> Failed:
    """The terminal could not do it, or has no data."""
    return Failed(-1, "Terminal: Call failed")


def not_connected() -> Failed:
    """No terminal: not initialised, or shut down."""
    return Failed(-10004, "No IPC connection")
