"""From a delivery as received to what its apps are asked: a trigger, or nothing and why. Everything is on record."""

from collections.abc import Sequence
from functools import partial

import msgspec

from agents.connectors.answers import dead_letter, to_app
from agents.connectors.base import Work
from core.catalog.commands import IgnoreDelivery, SubmitTrigger
from core.delivery import Delivery, decode_delivery
from core.eventlog.serialization import Message
from core.eventlog.topics import WEBHOOKS_TOPIC, Topology
from core.forges import Ignored, Malformed, Outcome, normalise
from core.ids import trace_id
from core.ports import Clock, OutgoingRecord, Record


class Ingest:
    """Consumes `sealane.webhooks`. Repeating a delivery makes the same commands with the same ids."""

    name = "ingest"
    topics: tuple[str, ...] = (WEBHOOKS_TOPIC,)

    def __init__(self, topology: Topology, clock: Clock) -> None:
        self._topology = topology
        self._clock = clock

    def work(self, record: Record) -> Work:
        key = (record.key or b"").decode("utf-8", "replace")
        return Work(key, lambda _: self.answers(record), partial(self._undecided, record))

    def answers(self, record: Record) -> Sequence[OutgoingRecord]:
        """The commands that a stored delivery makes."""
        try:
            delivery = decode_delivery(record.value or b"")
        except msgspec.DecodeError as error:
            return (dead_letter(self._clock.now(), record, "delivery-undecodable", str(error)),)
        try:
            outcomes = normalise(delivery)
        except Malformed as error:
            letter = dead_letter(self._clock.now(), record, error.code, error.detail)
            return (letter, *self._commands(delivery, (Ignored(error.code, error.detail),)))
        return self._commands(delivery, outcomes)

    def _commands(self, delivery: Delivery, outcomes: Sequence[Outcome]) -> tuple[OutgoingRecord, ...]:
        return tuple(
            to_app(
                self._topology,
                app,
                _command(delivery, outcome),
                actor="connector/ingest",
                correlation_id=delivery.correlation_id or trace_id(delivery.delivery_id),
                causation_id=delivery.delivery_id,
                index=index,
                now=self._clock.now(),
            )
            for app in delivery.apps
            for index, outcome in enumerate(outcomes)
        )

    def _undecided(self, record: Record, error: Exception) -> Sequence[OutgoingRecord]:
        return (dead_letter(self._clock.now(), record, "ingest-failed", f"{type(error).__name__}: {error}"),)


def _command(delivery: Delivery, outcome: Outcome) -> Message:
    if isinstance(outcome, Ignored):
        return IgnoreDelivery(
            delivery_id=delivery.delivery_id, code=outcome.code, detail=outcome.detail, ref=outcome.ref
        )
    return SubmitTrigger(trigger=outcome)
