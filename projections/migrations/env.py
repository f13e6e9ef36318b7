"""What Alembic runs for each migration command: on the connection and in the schema the runner prepared."""

from alembic import context

from projections.tables import metadata

_given = context.config.attributes
context.configure(
    connection=_given["connection"],
    target_metadata=metadata,
    version_table="view_migrations",
    version_table_schema=_given["schema"],
)
with context.begin_transaction():
    context.run_migrations()
