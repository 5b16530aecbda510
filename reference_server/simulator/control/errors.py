"""What a control port refuses, and how it says so."""


class ControlUnusable(ValueError):
    """The port cannot be opened, or must not be opened there."""


class Refused(Exception):
    """A request that is not carried out: the HTTP status, a stable word for programs, and a sentence for people."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message


def invalid(message: str) -> Refused:
    """Something in the body or the path cannot be as it is."""
    return Refused(400, "invalid", message)


def unknown(message: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "unknown", message)


def impossible(message: str) -> Refused:
    """The request is in order, and this broker cannot do it."""
    return Refused(409, "impossible", message)
