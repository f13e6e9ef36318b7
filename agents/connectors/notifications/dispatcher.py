"""The connector that finds out who is to be told of an event, and asks each of those subscriptions to do so."""

import logging
import re
from collections.abc import Mapping, Sequence

from agents.connectors.answers import to_subscription
from agents.connectors.base import Later, Result, Work
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.notifications.announcement import Announcement, Telling, Told, notification
from agents.connectors.notifications.beginnings import BEGINNINGS, Beginnings, NotKnownYet
from agents.connectors.notifications.subscriptions import Subscriber, Subscriptions
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event
from core.eventlog.topics import Topology, events_topic
from core.notifications.cdevents import type_of
from core.notifications.commands import Notify
from core.ports import Clock, OutgoingRecord, Record

FIRST_PAUSE_SECONDS = 0.2
LAST_PAUSE_SECONDS = 10.0
# The envelope's own type stands in front of everything that another text of the event could hold.
_TYPE = re.compile(rb'"type":"([a-z_.]+)"')
_HEAD_BYTES = 200
_log = logging.getLogger("sealane.connectors")


class Notifications:
    """Consumes all events. What the views don't know yet is waited for: nothing is told wrongly or left out."""

    name = "notifications"
    topics: tuple[str, ...] = tuple(events_topic(context) for context in ("catalog", "runs", "deployments"))

    def __init__(
        self,
        topology: Topology,
        clock: Clock,
        subscriptions: Subscriptions,
        beginnings: Beginnings,
        told: Mapping[str, Told],
        public_url: str,
        metrics: ConnectorMetrics,
    ) -> None:
        self._topology = topology
        self._clock = clock
        self._subscriptions = subscriptions
        self._beginnings = beginnings
        self._told = told
        self._url = public_url
        self._metrics = metrics

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        found = _TYPE.search(value, 0, _HEAD_BYTES)
        name = found.group(1).decode() if found else ""
        if name not in self._told and name not in BEGINNINGS:
            return None
        event = decode_event(value)
        self._beginnings.see(event)
        if event.type not in self._told:
            return None
        return Work(event.stream, lambda number: self._notify(event, number), lambda error: self._lost(event, error))

    def _notify(self, event: EventEnvelope, number: int) -> Result:
        try:
            listeners = self._subscriptions.at(event.recorded_at)
            if not listeners:
                return ()
            return self._commands(event, listeners)
        except NotKnownYet as unknown:
            pause = min(FIRST_PAUSE_SECONDS * 1.5 ** min(number, 20), LAST_PAUSE_SECONDS)
            if pause == LAST_PAUSE_SECONDS:
                _log.warning("'%s' of %s can't be told of yet: %s", event.type, event.stream, unknown)
            return Later(pause)

    def _commands(self, event: EventEnvelope, listeners: Sequence[Subscriber]) -> tuple[OutgoingRecord, ...]:
        told = self._told[event.type]
        message = told.events.decode(event.type, event.schema_version, event.data)
        announcements = told.tell(Telling(event, message, Stream.parse(event.stream).id, self._url))
        return tuple(
            self._command(event, announcement, each.name)
            for announcement in announcements
            for each in listeners
            if each.wanted.has(type_of(announcement.occurrence.kind), announcement.app, announcement.environment)
        )

    def _command(self, event: EventEnvelope, announcement: Announcement, name: str) -> OutgoingRecord:
        command = Notify(notification=notification(announcement, self._url, name))
        parts = (self.name, command.notification.id)
        return to_subscription(self._topology, name, command, parts=parts, cause=event, now=self._clock.now())

    def _lost(self, event: EventEnvelope, error: Exception) -> Sequence[OutgoingRecord]:
        """A fault of this code; the log has the event, so that it can be told of by hand."""
        self._metrics.given_up.labels(self.name, "telling-failed").inc()
        _log.error(
            "nobody is told of '%s' of %s: %s", event.type, event.stream, error, extra={"code": "telling-failed"}
        )
        return ()
