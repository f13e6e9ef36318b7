"""Answers `run.requested`: reads the pipeline file at the exact commit, asks its trigger section, compiles the plan.

Whatever is found is an answer: a plan, the file's problems, "not asked for", or why it can't be read.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from agents.connectors.answers import to_run
from agents.connectors.base import Later, Result, Work
from agents.connectors.compiling import compiled, invalid
from agents.connectors.mirror import Mirrors
from agents.connectors.repository import FileProblem, Missing, Unavailable
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, events_topic
from core.ports import Clock, OutgoingRecord, Record
from core.runs.commands import FailRun
from core.runs.events import RunRequested

ACTOR = "connector/definition"
# What passes is tried again until shortly before the run itself gives up.
PLAN_SECONDS = 600.0
RESERVE_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 1.0
LAST_PAUSE_SECONDS = 60.0
_log = logging.getLogger("sealane.connectors")


class Definition:
    """Consumes run events."""

    name = "definition"
    topics: tuple[str, ...] = (events_topic("runs"),)

    def __init__(self, topology: Topology, clock: Clock, mirrors: Mirrors) -> None:
        self._topology = topology
        self._clock = clock
        self._mirrors = mirrors

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if b'"run.requested"' not in value:
            return None
        envelope = decode_event(value)
        if envelope.type != RunRequested.TYPE:
            return None
        event = msgspec.json.decode(envelope.data, type=RunRequested)
        return Work(
            event.repository_url,
            lambda attempt: self._answer(envelope, event, attempt),
            lambda error: self._give_up(envelope, error),
        )

    def _answer(self, envelope: EventEnvelope, event: RunRequested, attempt: int) -> Result:
        try:
            return (self._record(envelope, self._read(envelope, event)),)
        except Unavailable as error:
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempt - 1, 10), LAST_PAUSE_SECONDS)
            if not error.for_good and self._clock.now() + timedelta(seconds=pause) < _give_up_at(envelope, event):
                _log.warning("%s can't be read, trying again in %.0f s: %s", event.repository_url, pause, error.words)
                return Later(pause)
            detail = f"repository {event.repository_url} can't be read: {error.words}"
            return (self._record(envelope, FailRun(code="repository-unavailable", detail=detail)),)

    def _read(self, envelope: EventEnvelope, event: RunRequested) -> Message:
        """The answer to one request. Raises Unavailable."""
        repository = self._mirrors.repository(event.repository_url)
        try:
            commit = repository.commit(event.trigger.commit, event.trigger.ref)
        except Missing as error:
            return FailRun(code=error.code, detail=f"{error.detail} ({event.repository_url})")
        try:
            source = repository.file(commit.id, event.pipeline_path)
        except FileProblem as error:
            return invalid(event, commit.id, error)
        return compiled(repository, event, commit, source, envelope.region)

    def _give_up(self, envelope: EventEnvelope, error: Exception) -> Sequence[OutgoingRecord]:
        detail = f"the pipeline file could not be read: {type(error).__name__}: {error}"
        return (self._record(envelope, FailRun(code="definition-failed", detail=detail)),)

    def _record(self, envelope: EventEnvelope, command: Message) -> OutgoingRecord:
        return to_run(self._topology, envelope, command, actor=ACTOR, now=self._clock.now())


def _give_up_at(envelope: EventEnvelope, event: RunRequested) -> datetime:
    until = event.plan_by or envelope.recorded_at + timedelta(seconds=PLAN_SECONDS)
    return until - timedelta(seconds=RESERVE_SECONDS)
