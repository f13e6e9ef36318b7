"""Brings a schema of views up to date: Alembic, run by us, under a lock that one process at a time holds."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, text

# Alembic is imported where it is used: every process asks for the schema's name, few bring it up to date.
if TYPE_CHECKING:
    from alembic.config import Config

DEFAULT_SCHEMA = "sealane"
_LOCK = 0x5EA1A9E
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")


def migrate(url: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Create `schema` where it is missing and bring its tables to the newest version. Safe to call at every start.

    `url` is a SQLAlchemy URL (`postgresql+psycopg://`). Raises sqlalchemy.exc.OperationalError where Postgres
    can't be reached, ValueError for a schema name that would need quoting.
    """
    check_schema_name(schema)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            migrate_on(connection, schema)
    finally:
        engine.dispose()


def migrate_on(connection: Connection, schema: str) -> None:
    """The same inside the caller's transaction."""
    from alembic import command

    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    connection.execute(text(f"SET LOCAL search_path TO {schema}"))
    connection.dialect.default_schema_name = schema
    command.upgrade(_config(connection, schema), "head")


def newest_version() -> str:
    """The revision this code was written for."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_config(None, DEFAULT_SCHEMA)).get_current_head()
    assert head is not None
    return head


def check_schema_name(schema: str) -> None:
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"'{schema}' is not usable as a schema name: use lower-case letters, digits and _")


def _config(connection: Connection | None, schema: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, schema=schema)
    return config
