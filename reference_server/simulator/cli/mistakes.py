"""What a user can get wrong, as one sentence and exit code 2."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command whose user's mistakes are told in one sentence."""

    @wraps(command)
    def call(*args: P.args, **options: P.kwargs) -> R:
        try:
            return command(*args, **options)
        except click.ClickException:
            raise
        except Exception as error:
            if not isinstance(error, _mistakes()):
                raise
            raise click.UsageError(_sentence(str(error))) from None

    return call


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a file, and a full stop."""
    if text.partition(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _mistakes() -> tuple[type[Exception], ...]:
    """Imported only after something went wrong: the control port brings a web server with it."""
    from reference_server.simulator.config import ConfigError
    from reference_server.simulator.control import ControlRefused, ControlUnreachable, ControlUnusable
    from reference_server.simulator.pipe.address import AddressUnusable
    from reference_server.simulator.pipe.state import StateUnusable
    from reference_server.simulator.stand_in.environment import StandInMisconfigured

    return (
        AddressUnusable, ConfigError, ControlRefused, ControlUnreachable, ControlUnusable, StandInMisconfigured,
        StateUnusable,
    )  # fmt: skip
