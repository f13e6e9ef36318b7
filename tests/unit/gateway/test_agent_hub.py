"""What the hub tells an agent of the pool's decisions, as they come out of the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Position
from core.eventlog.serialization import Message
from core.pools import events as e
from core.pools.commands import AcceptLease
from core.pools.entries import QueueEntry
from core.ports import Decision, DecisionTimeout
from core.protocol import messages as m
from gateway.realtime.agent_hub import AgentHub
from gateway.realtime.agent_session import AgentSession
from infra.memory.clock import ManualClock
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryAsyncProducer
from tests.support.household import TOPOLOGY
from tests.unit.agents.test_offers import KEY, SPEC

AT = datetime(2026, 1, 1, tzinfo=UTC)
HELLO = m.Hello(protocol=1, agent_id="a", region="us-east", pool="default", slots=1)


class Decided:
    """A bus whose pool agrees to everything; its events come by the tail, late."""

    async def execute(self, command: CommandEnvelope, timeout_seconds: float = 10.0) -> Decision:
        return Decision((), Position("sealane.pools.events", 0, 0))

    async def send(self, command: CommandEnvelope) -> Position:
        return Position("sealane.pools.commands", 0, 0)


class Undecided(Decided):
    """A bus whose pool lets agents connect, and then answers nothing in time."""

    async def execute(self, command: CommandEnvelope, timeout_seconds: float = 10.0) -> Decision:
        if command.type == AcceptLease.TYPE:
            raise DecisionTimeout("no decision")
        return await super().execute(command, timeout_seconds)


class Tail:
    """Events in the order they are put()."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[EventEnvelope] = asyncio.Queue()

    def put(self, message: Message) -> None:
        self._events.put_nowait(
            EventEnvelope(
                event_id="e",
                type=message.TYPE,
                schema_version=1,
                stream="pool/us-east/default",
                stream_version=1,
                recorded_at=AT,
                region="us-east",
                actor="test",
                correlation_id="c",
                causation_id="c",
                chain="",
                data=e.EVENTS.encode(message),
            )
        )

    async def subscribe(self, topics: frozenset[str]) -> AsyncIterator[tuple[Position, EventEnvelope]]:
        while True:
            yield Position("sealane.pools.events", 0, 0), await self._events.get()


async def correlation(run: str) -> str:
    return ""


def hub_of(bus: Decided, tail: Tail) -> AgentHub:
    producer = MemoryAsyncProducer(MemoryLog())
    return AgentHub(bus, producer, tail, TOPOLOGY, ManualClock(), lambda: "new", correlation, max_log_bytes=1)


@asynccontextmanager
async def connected(tail: Tail) -> AsyncIterator[AgentSession]:
    hub = hub_of(Decided(), tail)
    running = asyncio.create_task(hub.run())
    session, _ = await hub.open(HELLO, "test")
    try:
        yield session
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def connection(session: str) -> e.AgentConnected:
    return e.AgentConnected(agent_id="a", session=session, slots=1, at=AT)


def offer(epoch: int) -> e.LeaseGranted:
    entry = QueueEntry(attempt_key=KEY, app="shop", queued_at=AT, spec=SPEC)
    return e.LeaseGranted(attempt_key=KEY, epoch=epoch, agent_id="a", accept_by=AT, entry=entry)


async def test_new_connection_is_not_told_what_was_meant_for_an_earlier_one() -> None:
    tail = Tail()
    async with connected(tail) as session:
        tail.put(connection("old"))
        tail.put(offer(1))
        tail.put(e.LeaseReturned(attempt_key=KEY, epoch=1, agent_id="a", reason="agent-reconnected"))
        tail.put(connection("new"))
        tail.put(offer(2))

        first = await asyncio.wait_for(session.next_message(), 30)
    assert isinstance(first, m.Offer)
    assert first.epoch == 2


async def test_agent_that_the_pool_has_lost_is_disconnected_so_that_it_says_hello_again() -> None:
    tail = Tail()
    async with connected(tail) as session:
        tail.put(connection("new"))
        tail.put(e.AgentGone(agent_id="a", reason="lost"))
        await asyncio.wait_for(session.closing(), 30)
    assert session.close_code


async def test_end_of_an_earlier_connection_does_not_end_the_new_one() -> None:
    tail = Tail()
    async with connected(tail) as session:
        tail.put(e.AgentGone(agent_id="a", reason="lost"))
        tail.put(connection("new"))
        tail.put(offer(1))
        await asyncio.wait_for(session.next_message(), 30)
    assert not session.close_code


async def test_agent_whose_acceptance_is_not_decided_connects_anew_instead_of_waiting_for_a_start_for_ever() -> None:
    hub = hub_of(Undecided(), Tail())
    session, _ = await hub.open(HELLO, "test")
    await hub.take(session, m.AcceptLease(attempt_key=KEY, epoch=1))
    await asyncio.wait_for(session.closing(), 30)
    assert session.close_code == m.CLOSE_UNAVAILABLE
    assert KEY in session.close_reason
