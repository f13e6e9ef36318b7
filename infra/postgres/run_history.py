"""All events of a run and what came before it, from the views: for its trace."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg

from agents.connectors.spans import Cause
from agents.connectors.traces import RunHistory
from core.catalog.events import TriggerAccepted
from core.eventlog.envelope import EventEnvelope
from infra.postgres.connections import Connection, connector
from projections.migrations.runner import DEFAULT_SCHEMA

EVENT_COLUMNS = """event_id, type, schema_version, stream, stream_version, recorded_at, region, actor, correlation_id,
              causation_id, chain, data"""
_EVENTS = f"SELECT {EVENT_COLUMNS} FROM audit WHERE stream = %s ORDER BY log_offset"
# One trigger may make runs of several apps.
_ACCEPTED = f"SELECT {EVENT_COLUMNS} FROM audit WHERE correlation_id = %s AND type = 'trigger.accepted'"
_DELIVERY = """SELECT received_at, forge FROM deliveries WHERE delivery_id = %s AND received_at <= %s
               ORDER BY received_at DESC LIMIT 1"""
_log = logging.getLogger("sealane.connectors")


def run_history(database_url: str) -> Callable[[str], RunHistory]:
    """Asks with a connection of its own each time. No events while Postgres is away: it is asked again."""
    connect = connector(database_url, DEFAULT_SCHEMA, "sealane-traces")

    def history(run_id: str) -> RunHistory:
        try:
            with connect() as connection:
                return _history(connection, run_id)
        except psycopg.OperationalError as error:
            _log.warning("the views can't be asked for the events of run %s: %s", run_id, error)
            return RunHistory(())

    return history


def _history(connection: Connection, run_id: str) -> RunHistory:
    events = tuple(stored_event(row) for row in connection.execute(_EVENTS, (f"run/{run_id}",)).fetchall())
    if not events:
        return RunHistory(())
    for row in connection.execute(_ACCEPTED, (events[0].correlation_id,)).fetchall():
        accepted = stored_event(row)
        message = msgspec.json.decode(accepted.data, type=TriggerAccepted)
        if message.run_id == run_id:
            return RunHistory(events, _cause(connection, accepted, message.trigger.delivery_id))
    return RunHistory(events)


def _cause(connection: Connection, accepted: EventEnvelope, delivery: str) -> Cause:
    row = connection.execute(_DELIVERY, (delivery, accepted.recorded_at)).fetchone()
    return Cause(accepted, *row) if row else Cause(accepted)


def stored_event(row: tuple[Any, ...]) -> EventEnvelope:
    """An event from its EVENT_COLUMNS."""
    *values, data = row
    known = dict(zip(EventEnvelope.__struct_fields__, values, strict=False))
    return EventEnvelope(**known, data=msgspec.Raw(data.encode()))
