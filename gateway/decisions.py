"""A decision as the API shows it, and a refusal as the problem it becomes."""

from datetime import datetime

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.eventlog.envelope import EventEnvelope, Position
from core.eventlog.serialization import Catalogue
from core.ports import Decision
from gateway.errors import ApiError
from gateway.headers import CONSISTENCY_HEADER
from projections.queries.types import AuditEvent

_SHELL = Catalogue((CommandRejected, CommandIgnored))

# Refusals are 409 (the request conflicts with the state of things), but for these codes and endings.
STATUS_OF_CODE = {
    "self-approval": 403,
    "not-in-group": 403,
    "roles-missing": 422,
    "pools-missing": 422,
    "expiry-past": 422,
    "reason-missing": 422,
    "until-past": 422,
}
STATUS_OF_ENDING = {"-unknown": 404, "-invalid": 422}


class DecidedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event the command led to. `data` has the shape of its `type`."""

    event_id: str
    type: str
    stream: str
    stream_version: int
    recorded_at: datetime
    data: msgspec.Raw


class DecisionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command. `changed` is false where everything was already so.

    `consistency` is what a read sends as `Sealane-Consistency` to see the effect.
    """

    command_id: str
    changed: bool
    consistency: str
    events: tuple[DecidedEvent, ...]


class PendingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The command is safely in the log and will be decided; `decision_url` answers with the decision."""

    command_id: str
    detail: str
    decision_url: str


def decision_document(command_id: str, decision: Decision) -> DecisionDocument:
    return DecisionDocument(
        command_id=command_id,
        changed=any(event.type != CommandIgnored.TYPE for event in decision.events),
        consistency=str(decision.position),
        events=tuple(
            DecidedEvent(
                event_id=event.event_id,
                type=event.type,
                stream=event.stream,
                stream_version=event.stream_version,
                recorded_at=event.recorded_at,
                data=event.data,
            )
            for event in decision.events
        ),
    )


def refusal(decision: Decision) -> ApiError:
    """The problem a refused command answers with. It has a place in the log, as every decision."""
    headers = {CONSISTENCY_HEADER: str(decision.position)}
    return ApiError(status_of(decision.code), decision.code, decision.detail, headers)


def status_of(code: str) -> int:
    """The HTTP status of a refusal's code."""
    by_ending = (status for ending, status in STATUS_OF_ENDING.items() if code.endswith(ending))
    return STATUS_OF_CODE.get(code) or next(by_ending, 409)


def decision_of(events: tuple[AuditEvent, ...]) -> Decision:
    """The decision as the audit view has it: the events of one command, in the order of the log."""
    last = events[-1]
    rejected = next((event for event in events if event.type == CommandRejected.TYPE), None)
    code, detail = "", ""
    if rejected is not None:
        message = _SHELL.decode(rejected.type, rejected.schema_version, rejected.data)
        assert isinstance(message, CommandRejected)
        code, detail = message.code, message.detail
    position = Position(last.topic, last.partition, last.offset)
    return Decision(tuple(map(envelope_of, events)), position, code, detail)


def envelope_of(event: AuditEvent) -> EventEnvelope:
    """The event as the log has it."""
    return EventEnvelope(**{name: getattr(event, name) for name in EventEnvelope.__struct_fields__})
