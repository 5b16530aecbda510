"""How a call fails: the codes and texts of `last_error`."""

SUCCESS = (1, "Success")
NO_CALL_YET = (0, "")


class Failed(Exception):
    """A call that returns its failure value and sets `last_error`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.error = (code, text)


def invalid_arguments() -> Failed:
    """Wrong number or kind of positional arguments."""
    return Failed(-2, "Invalid arguments")


def invalid_argument(name: str) -> Failed:
    """One named argument is of the wrong kind or length."""
    return Failed(-2, f'Invalid "{name}" argument')


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
