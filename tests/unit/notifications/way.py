"""The whole way of notifications in memory: processor, dispatcher and sender over one log and one clock."""

from collections.abc import Iterator
from typing import Any

from agents.connectors.base import Later
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.notifications.all_told import all_told
from agents.connectors.notifications.attempt import Attempt, Outcome
from agents.connectors.notifications.beginnings import Beginnings
from agents.connectors.notifications.dispatcher import Notifications
from agents.connectors.notifications.sender import NotificationSender
from agents.connectors.notifications.subscriptions import Subscriber, Subscriptions
from core.aggregates import AGGREGATES
from core.eventlog.envelope import EventEnvelope
from core.eventlog.serialization import Catalogue, Message
from core.notifications.commands import SUBSCRIPTION_COMMANDS, CreateSubscription
from core.notifications.events import SUBSCRIPTION_EVENTS, SubscriptionCreated
from core.notifications.notification import Sink, Wanted
from core.ports import Record
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.commands import CancelRun, RequestRun
from core.trigger import Trigger
from tests.support.plant import TOPOLOGY, Plant
from tests.unit.notifications.scenes import WEBHOOK

Handler = Notifications | NotificationSender


class Endpoint:
    """A sink that answers as told, the last answer for ever, and keeps what it was sent."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers) or [Outcome(True, 200)]
        self.attempts: list[Attempt] = []

    def __call__(self, attempt: Attempt) -> Outcome:
        self.attempts.append(attempt)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def titles(self) -> list[str]:
        return [each.notification.title for each in self.attempts]


class Way:
    """`go()` lets all of it work until nothing is left to do at this time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.plant = Plant(aggregates=AGGREGATES)
        self.clock = self.plant.clock
        self.processor = self.plant.processor("p1")
        self.views_away = False
        self._beginnings = Beginnings(self._first_event)
        self.dispatcher = Notifications(
            TOPOLOGY,
            self.clock,
            Subscriptions(self._subscribers, self.clock),
            self._beginnings,
            all_told(self._beginnings, lambda event: (event,)),
            "https://sealane.example.com",
            ConnectorMetrics(),
        )
        self.sender = NotificationSender(TOPOLOGY, self.clock, {"webhook": endpoint})
        self._next: dict[tuple[str, str, int], int] = {}

    def subscribe(self, name: str = "ops", wanted: Wanted | None = None, sink: Sink = WEBHOOK) -> None:
        command = CreateSubscription(name=name, sink=sink, wanted=wanted or Wanted())
        self.command(f"subscription/{name}", command, SUBSCRIPTION_COMMANDS)
        self.plant.settle(self.processor)
        self.clock.advance(1)

    def request_run(self, number: int) -> str:
        """Its file will not be read, so it stays as it is."""
        run = f"us-east-{number:016x}"
        trigger = Trigger(trigger_id=f"t{number}", source="push", ref="refs/heads/main", commit=f"{number:040x}")
        command = RequestRun(
            app="shop",
            number=number,
            trigger=trigger,
            repository_url="https://forge.example/acme/shop.git",
            default_branch="main",
            pipeline_path=".pipeline.yml",
        )
        self.command(f"run/{run}", command, RUN_COMMANDS)
        return run

    def cancel_run(self, run: str) -> None:
        self.command(f"run/{run}", CancelRun(by="ann"), RUN_COMMANDS)

    def command(self, stream: str, command: Message, catalogue: Catalogue) -> None:
        self.plant.send(self.plant.command(stream, command, catalogue=catalogue))

    def go(self, *handlers: Handler) -> None:
        working = handlers or (self.dispatcher, self.sender)
        for _ in range(200):
            self.plant.settle(self.processor)
            if not sum(self._turn(each) for each in working):
                return
        raise AssertionError("it never came to rest")

    def crash(self, handler: Handler) -> None:
        """What it did is forgotten, for it had not committed its offsets."""
        self._next = {where: offset for where, offset in self._next.items() if where[0] != handler.name}

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.plant.settle(self.processor)

    def told(self, kind: type[Any]) -> list[Any]:
        """The subscriptions' events of this type."""
        return [
            SUBSCRIPTION_EVENTS.decode(event.type, event.schema_version, event.data)
            for event in self.plant.events("catalog")
            if event.type == kind.TYPE
        ]

    def _turn(self, handler: Handler) -> int:
        return sum(self._do(handler, record) for record in self._records(handler))

    def _do(self, handler: Handler, record: Record) -> int:
        work = handler.work(record)
        if work is None:
            return 0
        for number in range(1, 50):
            result = work.run(number)
            if not isinstance(result, Later):
                self.plant.write(*result)
                return 1
            if self.views_away:
                break
            self.clock.advance(result.seconds)
        self._next[handler.name, record.topic, record.partition] = record.offset
        return 0

    def _records(self, handler: Handler) -> Iterator[Record]:
        for topic in handler.topics:
            for record in self.plant.records(topic):
                where = (handler.name, topic, record.partition)
                if record.offset >= self._next.get(where, 0):
                    self._next[where] = record.offset + 1
                    yield record

    def _subscribers(self) -> list[Subscriber] | None:
        if self.views_away:
            return None
        return [
            Subscriber(message.name, message.wanted, event.recorded_at)
            for event in self.plant.events("catalog")
            if event.type == SubscriptionCreated.TYPE
            for message in [SUBSCRIPTION_EVENTS.decode(event.type, event.schema_version, event.data)]
            if isinstance(message, SubscriptionCreated)
        ]

    def _first_event(self, stream: str) -> EventEnvelope | None:
        found = (event for event in self.plant.events("runs") if event.stream == stream and event.stream_version == 1)
        return next(found, None)
