"""Run alembic on the connection that `storage.schema` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from reference_server.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
