"""The audit trail: lists and a live tail."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from core.eventlog.envelope import EventEnvelope, Position
from gateway.dependencies import Gateway
from gateway.realtime.sse import event_stream, frame
from gateway.rest.answers import Json, answers, streams
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.state import GatewayState
from projections.queries import audit
from projections.queries.dead_letters import list_dead_letters
from projections.queries.types import AuditEvent, DeadLetter, Page

router = APIRouter(prefix=API, tags=["audit"])
Text = Annotated[str | None, Query(max_length=300)]
_WAIT_SECONDS = 30.0


@router.get("/events", **answers(Page[AuditEvent]))
async def list_events(
    gateway: Gateway,
    stream: Text = None,
    type: Text = None,
    correlation_id: Text = None,
    actor: Text = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Every event, newest first, with its place in the log and its chain value."""
    wanted = audit.EventFilter(
        stream=stream, type=type, correlation_id=correlation_id, actor=actor, since=since, until=until
    )
    return Json(await audit.list_events(gateway.services.db, wanted, cursor, limit))


@router.get("/dead-letters", **answers(Page[DeadLetter]))
async def get_dead_letters(gateway: Gateway, limit: Limit = 50, cursor: Cursor = None) -> Json:
    """Records that could not be read, as they were put aside, newest first; `value` is base64. Should be empty."""
    return Json(await list_dead_letters(gateway.services.db, cursor, limit))


@router.get("/events/tail", **streams(AuditEvent, "Each event as it is recorded."))
async def tail_events(
    gateway: Gateway, stream: Text = None, type: Text = None, correlation_id: Text = None
) -> StreamingResponse:
    """A reader that is too slow gets the event `overrun` and should list what it missed."""
    wanted = {"stream": stream, "type": type, "correlation_id": correlation_id}
    frames = _tail(gateway, {name: value for name, value in wanted.items() if value is not None})
    return event_stream(frames, gateway.closing, gateway.services.settings.heartbeat_seconds)


async def _tail(gateway: GatewayState, wanted: dict[str, str]) -> AsyncGenerator[bytes, None]:
    with gateway.hub.listen() as listener:
        while not listener.overrun:
            found = await listener.next(_WAIT_SECONDS)
            if found is not None and all(getattr(found[1], name) == value for name, value in wanted.items()):
                yield frame("event", _as_audit(*found), str(found[0]))
    yield frame("overrun", {"detail": "events came faster than they were read"})


def _as_audit(position: Position, event: EventEnvelope) -> AuditEvent:
    known: dict[str, Any] = {name: getattr(event, name) for name in EventEnvelope.__struct_fields__}
    place: dict[str, Any] = {"topic": position.topic, "partition": position.partition, "offset": position.offset}
    return AuditEvent(position=str(position), **place, **known)
