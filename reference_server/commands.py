"""What the commands of a gateway have in common: where its data lie, and how a mistake is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from reference_server.config import ConfigError
from reference_server.domain.plans import PLANS
from reference_server.security.key_files import SecretUnusable
from reference_server.sentence import sentence
from reference_server.storage.database import DatabaseUnusable
from reference_server.storage.ownership import DataInUse
from reference_server.storage.users import UserHasAccounts, UserUnknown

FILE: Final = click.Path(path_type=Path)
PLAN: Final = click.Choice(tuple(PLANS))


class Refused(Exception):
    """A command cannot do what it was asked for. The message is a sentence that says why and what to do."""


def placed(command: Callable[..., None]) -> Callable[..., None]:
    """Add the flags that say where the data lies."""
    for option in (
        click.option("--database-url", metavar="URL", help="sqlite:///FILE; DIR/tonpo.db by default."),
        click.option("--data-dir", type=FILE, metavar="DIR", help="Database and secrets; var/tonpo by default."),
        click.option("--config", "config_file", type=FILE, metavar="FILE", help="Settings in TOML."),
    ):
        command = option(command)
    return command


@contextmanager
def explained() -> Iterator[None]:
    """Turn what an operator can cause into one sentence and exit code 2."""
    try:
        yield
    except (
        ConfigError, DatabaseUnusable, DataInUse, Refused, SecretUnusable, UserHasAccounts, UserUnknown,
    ) as error:  # fmt: skip
        raise click.UsageError(sentence(printable(str(error)))) from error


def printable(text: str) -> str:
    """Return a text that comes from outside as it may be shown: no escape sequence reaches the terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
