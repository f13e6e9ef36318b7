"""CommandBus: send a command and wait until its decision shows in the event tail.

The tail has its place in the log before the command is sent, so the decision can't slip by. It is complete when
as many events with the command's id have come as each of them says there are (core/eventlog/headers.py).
"""

import asyncio

import msgspec

from core.aggregate import CommandRejected
from core.eventlog.envelope import CommandEnvelope, Position
from core.eventlog.routing import to_record
from core.eventlog.topics import Topology
from core.ports import AsyncProducer, Decision, DecisionTimeout
from infra.kafka.tail import LogEventTail, TailEvent

_decode_rejection = msgspec.json.Decoder(CommandRejected).decode


class _Waiter:
    """Those who wait for one command, and the events of its decision that have come."""

    def __init__(self) -> None:
        self.decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self.events: dict[int, TailEvent] = {}
        self.interested = 0


class LogCommandBus:
    """See core.ports.CommandBus. Used on one event loop."""

    def __init__(self, topology: Topology, producer: AsyncProducer, tail: LogEventTail) -> None:
        self._topology = topology
        self._producer = producer
        self._tail = tail
        self._waiters: dict[str, _Waiter] = {}
        tail.listen(self._see)

    async def execute(self, command: CommandEnvelope, timeout_seconds: float = 10.0) -> Decision:
        """`timeout_seconds` counts from Kafka's acknowledgement. A command that was decided before isn't answered."""
        record = to_record(self._topology, command)
        await self._tail.ready()
        waiter = self._waiters.setdefault(command.command_id, _Waiter())
        waiter.interested += 1
        try:
            await self._producer.send(record)
            return await asyncio.wait_for(asyncio.shield(waiter.decision), timeout_seconds)
        except TimeoutError:
            raise DecisionTimeout(
                f"command {command.command_id} is in the log but was not decided within {timeout_seconds:g} s"
            ) from None
        finally:
            waiter.interested -= 1
            if not waiter.interested:
                self._waiters.pop(command.command_id, None)

    async def send(self, command: CommandEnvelope) -> Position:
        return await self._producer.send(to_record(self._topology, command))

    def _see(self, item: TailEvent) -> None:
        waiter = self._waiters.get(item.event.causation_id)
        if waiter is None or waiter.decision.done():
            return
        waiter.events[item.part] = item
        if len(waiter.events) == item.of:
            waiter.decision.set_result(_decision([waiter.events[part] for part in sorted(waiter.events)]))


def _decision(items: list[TailEvent]) -> Decision:
    events, last = tuple(item.event for item in items), items[-1]
    if last.event.type != CommandRejected.TYPE:
        return Decision(events, last.position)
    refusal = _decode_rejection(last.event.data)
    return Decision(events, last.position, refusal.code, refusal.detail)
