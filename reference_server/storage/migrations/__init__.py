"""Changes of the schema, run by alembic."""
