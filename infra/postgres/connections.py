"""Connections to Postgres for the projector and for the read side, and the one form of URL both understand."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, make_url

Connection = psycopg.Connection[tuple[Any, ...]]
_CONNECT_TIMEOUT_SECONDS = 5


def sqlalchemy_url(database_url: str) -> URL:
    """`database_url` (postgresql:// or postgres://, with or without a driver) for SQLAlchemy over psycopg 3."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    return url.set(drivername="postgresql+psycopg")


def plain_url(database_url: str) -> str:
    """The same for psycopg itself. Raises psycopg.ProgrammingError for what is no connection string."""
    plain = sqlalchemy_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    conninfo_to_dict(plain)
    return plain


def connector(
    database_url: str, schema: str, application: str = "sealane", lazy: bool = False
) -> Callable[[], Connection]:
    """Opens connections that see `schema`.

    `lazy`: a commit need not have reached the disk when it returns, and the last seconds of them are gone when Postgres
    is killed. For those alone whose offsets are lost together with the rows, so that the log is read again.
    """
    url = plain_url(database_url)
    options = f"-c search_path={schema} -c timezone=UTC{' -c synchronous_commit=off' if lazy else ''}"

    def connect() -> Connection:
        return psycopg.connect(
            url,
            options=options,
            application_name=application,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )

    return connect
