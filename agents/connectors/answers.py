"""The commands with which connectors answer, as records. Their ids are derived from what caused them."""

from datetime import datetime

import msgspec

from core.catalog.commands import APP_COMMANDS
from core.deployments.commands import COMMANDS as DEPLOYMENT_COMMANDS
from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import make_command, to_record
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import DEAD_LETTERS_TOPIC, Topology
from core.ids import derived_id
from core.notifications.commands import SUBSCRIPTION_COMMANDS
from core.ports import OutgoingRecord, Record
from core.rollouts.commands import COMMANDS as ROLLOUT_COMMANDS
from core.runs.commands import COMMANDS as RUN_COMMANDS

_MAX_VALUE_BYTES = 600_000
_encode = msgspec.json.Encoder().encode


def to_app(
    topology: Topology,
    app: str,
    command: Message,
    *,
    actor: str,
    correlation_id: str,
    causation_id: str,
    index: int,
    now: datetime,
) -> OutgoingRecord:
    """A command for an app, in the home region. Equal `causation_id`, app and `index` make the same command id."""
    envelope = make_command(
        command_id=derived_id(actor, causation_id, app, index),
        stream=Stream("app", app),
        region=topology.home_region,
        command=command,
        catalogue=APP_COMMANDS,
        actor=actor,
        correlation_id=correlation_id,
        causation_id=causation_id,
        issued_at=now,
    )
    return to_record(topology, envelope)


def to_run(topology: Topology, event: EventEnvelope, command: Message, *, actor: str, now: datetime) -> OutgoingRecord:
    """The answer to an event of a run. There is one answer per event, so a repetition has the same command id."""
    return _answer(topology, event, command, RUN_COMMANDS, actor, now)


def to_deployment(
    topology: Topology, event: EventEnvelope, command: Message, *, actor: str, now: datetime
) -> OutgoingRecord:
    """The answer to an event of a deployment; one per event and actor."""
    return _answer(topology, event, command, DEPLOYMENT_COMMANDS, actor, now)


def to_rollout(
    topology: Topology, event: EventEnvelope, command: Message, *, actor: str, now: datetime
) -> OutgoingRecord:
    """The answer to an event of a rollout; one per event and actor."""
    return _answer(topology, event, command, ROLLOUT_COMMANDS, actor, now)


def _answer(
    topology: Topology, event: EventEnvelope, command: Message, catalogue: Catalogue, actor: str, now: datetime
) -> OutgoingRecord:
    envelope = make_command(
        command_id=derived_id(actor, event.event_id),
        stream=Stream.parse(event.stream),
        region=event.region,
        command=command,
        catalogue=catalogue,
        actor=actor,
        correlation_id=event.correlation_id,
        causation_id=event.event_id,
        issued_at=now,
    )
    return to_record(topology, envelope)


def to_subscription(
    topology: Topology, name: str, command: Message, *, parts: tuple[str, ...], cause: EventEnvelope, now: datetime
) -> OutgoingRecord:
    """A command for a subscription, in the home region. Equal `parts` make the same command id."""
    envelope = make_command(
        command_id=derived_id(*parts),
        stream=Stream("subscription", name),
        region=topology.home_region,
        command=command,
        catalogue=SUBSCRIPTION_COMMANDS,
        actor=parts[0],
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        issued_at=now,
    )
    return to_record(topology, envelope)


def dead_letter(now: datetime, record: Record, code: str, detail: str) -> OutgoingRecord:
    """What could not be understood, kept with its reason."""
    value = record.value or b""
    letter = DeadLetter(
        code=code,
        detail=detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        recorded_at=now,
        key=record.key,
        value=value[:_MAX_VALUE_BYTES],
    )
    return OutgoingRecord(DEAD_LETTERS_TOPIC, record.partition, record.key, _encode(letter))
