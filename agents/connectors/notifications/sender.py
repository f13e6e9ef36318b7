"""The connector that makes the attempts: it does what a subscription's events ask for, and reports how it ended."""

from collections.abc import Mapping, Sequence

from agents.connectors.answers import to_subscription
from agents.connectors.base import Result, Work
from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Deliver, Outcome
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event
from core.eventlog.topics import Topology, events_topic
from core.notifications.commands import ReportAttempt
from core.notifications.events import SUBSCRIPTION_EVENTS, NotificationDue, NotificationQueued
from core.ports import Clock, OutgoingRecord, Record

_NEEDLES = tuple(f'"{kind.TYPE}"'.encode() for kind in (NotificationQueued, NotificationDue))


class NotificationSender:
    """Consumes catalog events. Attempts of one notification are made in order, others in parallel."""

    name = "notification-sender"
    topics: tuple[str, ...] = (events_topic("catalog"),)

    def __init__(self, topology: Topology, clock: Clock, sinks: Mapping[str, Deliver]) -> None:
        self._topology = topology
        self._clock = clock
        self._sinks = sinks

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if not any(needle in value for needle in _NEEDLES):
            return None
        event = decode_event(value)
        if event.type not in SUBSCRIPTION_EVENTS:
            return None
        message = SUBSCRIPTION_EVENTS.decode(event.type, event.schema_version, event.data)
        if not isinstance(message, NotificationQueued | NotificationDue) or message.answer_by is None:
            return None
        asked = _Asked(self, event, message)
        return Work(f"{event.stream}/{message.notification.id}", asked.run, asked.give_up)

    def attempt(self, event: EventEnvelope, message: NotificationQueued | NotificationDue) -> ReportAttempt | None:
        """Makes the attempt; None when it is too late for it, and it was or will be asked for again."""
        at = self._clock.now()
        if message.answer_by is None or at >= message.answer_by:
            return None
        name = Stream.parse(event.stream).id
        try:
            deliver = self._sinks[message.sink.kind]
            outcome = deliver(Attempt(name, message.sink, message.notification, at))
        except AttemptFailed as error:
            outcome = error.outcome
        milliseconds = (self._clock.now() - at).total_seconds() * 1000
        return _report(message, outcome, round(milliseconds))

    def answer(self, event: EventEnvelope, report: ReportAttempt) -> Sequence[OutgoingRecord]:
        name = Stream.parse(event.stream).id
        parts, now = (self.name, event.event_id), self._clock.now()
        return (to_subscription(self._topology, name, report, parts=parts, cause=event, now=now),)


class _Asked:
    """One attempt that was asked for. It is made once, also when the log does not take the answer at first."""

    def __init__(
        self, sender: NotificationSender, event: EventEnvelope, message: NotificationQueued | NotificationDue
    ) -> None:
        self._sender = sender
        self._event = event
        self._message = message
        self._answer: Sequence[OutgoingRecord] | None = None

    def run(self, number: int) -> Result:
        if self._answer is None:
            report = self._sender.attempt(self._event, self._message)
            self._answer = self._sender.answer(self._event, report) if report else ()
        return self._answer

    def give_up(self, error: Exception) -> Sequence[OutgoingRecord]:
        outcome = Outcome(False, code="sender-failed", detail=f"{type(error).__name__}: {error}"[:1000])
        return self._sender.answer(self._event, _report(self._message, outcome, 0))


def _report(message: NotificationQueued | NotificationDue, outcome: Outcome, duration_ms: int) -> ReportAttempt:
    number = message.attempt if isinstance(message, NotificationDue) else 1
    values = outcome._asdict()
    return ReportAttempt(id=message.notification.id, attempt=number, duration_ms=duration_ms, **values)
