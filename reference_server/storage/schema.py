"""Bring the schema of a database up to date, or back, with the migrations of this package."""

from __future__ import annotations

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

LATEST: Final = "head"
NOTHING: Final = "base"


class SchemaUnknown(Exception):
    """The database was written by a version of the gateway that this one does not know."""


def upgrade(connection: Connection, revision: str = LATEST) -> None:
    """Run the missing migrations inside the connection's transaction. Raises SchemaUnknown."""
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise SchemaUnknown(f"it was made by a newer version of the gateway ({error})") from error


def downgrade(connection: Connection, revision: str = NOTHING) -> None:
    """Undo migrations down to `revision`, inside the connection's transaction."""
    command.downgrade(_config(connection), revision)


def revisions() -> tuple[str, ...]:
    """Return every revision that this version knows, newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "reference_server.storage:migrations")
    config.attributes["connection"] = connection
    return config
