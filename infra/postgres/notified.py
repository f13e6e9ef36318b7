"""What the notification connectors ask the views: who is subscribed, how a stream began, what was said before.

One connection, made anew after a failure. While Postgres is away the answer is None: it is asked again.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import psycopg

from agents.connectors.notifications.subscriptions import Subscriber
from core.eventlog.envelope import EventEnvelope
from core.notifications.notification import Wanted
from infra.postgres.connections import Connection, connector
from infra.postgres.run_history import EVENT_COLUMNS, stored_event
from projections.migrations.runner import DEFAULT_SCHEMA

_SUBSCRIBERS = "SELECT name, types, apps, environments, created_at FROM subscriptions WHERE enabled ORDER BY name"
_FIRST = f"SELECT {EVENT_COLUMNS} FROM audit WHERE stream = %s AND stream_version = 1 ORDER BY log_offset DESC LIMIT 1"
_WITH_PREVIOUS = f"""SELECT {EVENT_COLUMNS} FROM audit WHERE stream = %s AND type = %s AND stream_version <= %s
                     ORDER BY log_offset DESC LIMIT 2"""
Row = tuple[Any, ...]
T = TypeVar("T")
_log = logging.getLogger("sealane.connectors")


class NotifiedViews:
    """For many threads."""

    def __init__(self, database_url: str) -> None:
        self._connect = connector(database_url, DEFAULT_SCHEMA, "sealane-notifications")
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def subscribers(self) -> Sequence[Subscriber] | None:
        rows = self._ask(_SUBSCRIBERS, ())
        if rows is None:
            return None
        return [
            Subscriber(name, Wanted(tuple(types), tuple(apps), tuple(environments)), created_at)
            for name, types, apps, environments, created_at in rows
        ]

    def first_event(self, stream: str) -> EventEnvelope | None:
        rows = self._ask(_FIRST, (stream,))
        return stored_event(rows[0]) if rows else None

    def with_previous(self, event: EventEnvelope) -> tuple[EventEnvelope, ...] | None:
        """The event and the one of its type before it; None where the views don't have the event yet."""
        rows = self._ask(_WITH_PREVIOUS, (event.stream, event.type, event.stream_version))
        found = tuple(map(stored_event, rows or ()))
        return found if found and found[0].event_id == event.event_id else None

    def _ask(self, query: str, values: tuple[Any, ...]) -> list[Row] | None:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    self._connection.autocommit = True
                return self._connection.execute(query.encode(), values).fetchall()
            except psycopg.Error as error:
                _log.warning("the views can't be asked about notifications: %s", error)
                self._drop()
                return None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
