"""Commands that can't be decided go to the dead-letter topic, with their reason; nothing is dropped in silence."""

import logging
from datetime import datetime

import msgspec

from core.eventlog.dead_letters import DeadLetter
from core.eventlog.envelope import CommandEnvelope
from core.eventlog.topics import DEAD_LETTERS_TOPIC
from core.ports import OutgoingRecord, Record

UNDECODABLE = "command-undecodable"
UNKNOWN = "command-unknown"
TOO_NEW = "command-too-new"
MISROUTED = "command-misrouted"
FAILED = "decision-failed"
BAD_HINT = "history-not-found"

# Base64 and the reason must still fit into one Kafka record of 1 MB.
_MAX_VALUE_BYTES = 600_000
_MAX_DETAIL_CHARACTERS = 20_000

_encode = msgspec.json.Encoder().encode
log = logging.getLogger("sealane.processors")


def dead_letter(
    now: datetime, record: Record, command: CommandEnvelope | None, code: str, detail: str
) -> OutgoingRecord:
    """The entry for `record`; `command` is what could be read of it."""
    value = record.value or b""
    if len(value) > _MAX_VALUE_BYTES:
        detail = f"{detail} (only the first {_MAX_VALUE_BYTES} of {len(value)} bytes are kept)"
    letter = DeadLetter(
        code=code,
        detail=detail[:_MAX_DETAIL_CHARACTERS],
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        recorded_at=now,
        command_id=command.command_id if command else "",
        stream=command.stream if command else "",
        key=record.key,
        value=value[:_MAX_VALUE_BYTES],
    )
    log.error(
        "dead letter %s: %s:%d:%d %s",
        code,
        record.topic,
        record.partition,
        record.offset,
        detail,
        extra={"code": code, "stream": letter.stream, "command_id": letter.command_id},
    )
    return OutgoingRecord(DEAD_LETTERS_TOPIC, record.partition, record.key, _encode(letter))
