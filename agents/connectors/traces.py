"""Exports a trace of every run that ends: spans made from its events, sent to an OpenTelemetry collector.

A collector that is down holds nothing else up: traces wait, in the order of the log and with their offset not
committed, and are given up an hour after they were first tried. The log keeps the events, so what was given up can
be exported again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from agents.connectors.base import Later, Result, Work
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.spans import Cause, Fact, Span, spans_of_round
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event
from core.eventlog.topics import events_topic
from core.ports import Clock, OutgoingRecord, Record
from core.runs.events import EVENTS, RunFinished

GIVE_UP_AFTER = timedelta(hours=1)
FIRST_PAUSE_SECONDS = 1.0
LAST_PAUSE_SECONDS = 60.0
VIEWS_PAUSE_SECONDS = 1.0
_NEEDLE = f'"{RunFinished.TYPE}"'.encode()
_log = logging.getLogger("sealane.connectors")


class RunHistory(NamedTuple):
    """All events of a run in their order, and what came before it where that is known."""

    events: Sequence[EventEnvelope]
    cause: Cause | None = None


class NotExported(Exception):
    """The collector did not take the spans. `for_good`: it never will."""

    def __init__(self, detail: str, for_good: bool = False) -> None:
        super().__init__(detail)
        self.for_good = for_good


class Traces:
    """Consumes run events. `history(run_id)` asks the views; `export(spans)` raises NotExported.

    One thread does the work: whoever finds the collector down makes all the others wait with it.
    """

    name = "traces"
    topics: tuple[str, ...] = (events_topic("runs"),)

    def __init__(
        self,
        history: Callable[[str], RunHistory],
        export: Callable[[Sequence[Span]], None],
        clock: Clock,
        metrics: ConnectorMetrics,
    ) -> None:
        self._history = history
        self._export = export
        self._clock = clock
        self._metrics = metrics
        self._failures = 0
        self._closed_until: datetime | None = None
        self._last_error = ""

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if _NEEDLE not in value:
            return None
        event = decode_event(value)
        if event.type != RunFinished.TYPE:
            return None
        first_tried: list[datetime] = []
        return Work(
            event.stream,
            lambda _: self._attempt(event, first_tried),
            lambda error: self._give_up(event, "trace-failed", f"{type(error).__name__}: {error}"),
        )

    def _attempt(self, event: EventEnvelope, first_tried: list[datetime]) -> Result:
        now = self._clock.now()
        first_tried[:] = first_tried or [now]
        too_late = now - first_tried[0] >= GIVE_UP_AFTER
        if self._closed_until is not None and now < self._closed_until:
            wait = (self._closed_until - now).total_seconds()
            return self._give_up(event, "collector-unavailable", self._last_error) if too_late else Later(wait)
        spans = self._spans(event)
        if not spans:
            detail = f"the views do not have the end of {event.stream} yet"
            return self._give_up(event, "run-unknown", detail) if too_late else Later(VIEWS_PAUSE_SECONDS)
        try:
            self._export(spans)
        except NotExported as error:
            return self._failed(event, error, too_late)
        self._failures, self._closed_until = 0, None
        return ()

    def _spans(self, event: EventEnvelope) -> tuple[Span, ...]:
        history = self._history(Stream.parse(event.stream).id)
        facts = [Fact(each, EVENTS.decode(each.type, each.schema_version, each.data)) for each in history.events]
        return spans_of_round(facts, event.event_id, history.cause)

    def _failed(self, event: EventEnvelope, error: NotExported, too_late: bool) -> Result:
        if error.for_good:
            return self._give_up(event, "trace-refused", str(error))
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 10), LAST_PAUSE_SECONDS)
        self._failures += 1
        self._last_error = str(error)
        self._closed_until = self._clock.now() + timedelta(seconds=pause)
        _log.warning("no trace of %s yet, again in %.0f s: %s", event.stream, pause, error)
        return self._give_up(event, "collector-unavailable", str(error)) if too_late else Later(pause)

    def _give_up(self, event: EventEnvelope, code: str, reason: str) -> Sequence[OutgoingRecord]:
        self._metrics.given_up.labels(self.name, code).inc()
        _log.error("no trace of %s: %s", event.stream, reason, extra={"code": code})
        return ()
