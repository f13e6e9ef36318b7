"""What EventTail and CommandBus promise to the gateway, with a real processor behind them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Position, Stream
from core.eventlog.routing import make_command
from core.eventlog.serialization import Message
from core.eventlog.topics import EVENTS_TOPICS, Topology
from core.ports import Decision, DecisionTimeout, TopicPartition
from infra.clock import SystemClock
from infra.kafka.command_bus import LogCommandBus
from infra.kafka.tail import LogEventTail, SubscriberTooSlow
from infra.kafka.topics import apply
from processors.shell import Processor
from tests.contract.worlds import KafkaWorld, MemoryWorld, World, new_name
from tests.support.counter import COMMANDS, POLICIES, Add, Forward, counter

TOPOLOGY = Topology(("us-east", "eu-west"))
RUNS = frozenset({"sealane.runs.events"})


@pytest.fixture(params=["memory", "kafka"])
def own_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world whose `sealane.*` topics belong to this module."""
    if request.param == "kafka":
        made: World = KafkaWorld(request.getfixturevalue("module_kafka"))
    else:
        memory = MemoryWorld()
        memory.log.on_idle = memory.log.wait_for_change
        made = memory
    apply(made.admin(), TOPOLOGY.topic_specs())
    yield made
    for client in reversed(made.closing):
        client.close()


class Gateway:
    """The tail and the bus on one event loop."""

    def __init__(self, world: World, queue_limit: int = 10_000) -> None:
        partitions = [TopicPartition(topic, n) for topic in EVENTS_TOPICS for n in range(TOPOLOGY.partitions)]
        self.tail = LogEventTail(world.reader, partitions, queue_limit)
        self.producer = world.async_producer()
        self.bus = LogCommandBus(TOPOLOGY, self.producer, self.tail)

    async def add(self, stream: str, times: int = 1, amount: int = 1) -> Decision:
        return await self.bus.execute(command(stream, Add(times=times, amount=amount)))


def command(stream: str, message: Message, wants_reply: bool = True) -> CommandEnvelope:
    return make_command(
        command_id=new_name(),
        stream=Stream.parse(stream),
        region="us-east",
        command=message,
        catalogue=COMMANDS,
        actor="tester",
        correlation_id="trace",
        causation_id="",
        issued_at=SystemClock().now(),
        wants_reply=wants_reply,
    )


@pytest.fixture
async def gateway(own_world: World) -> AsyncIterator[Gateway]:
    made = Gateway(own_world)
    yield made
    await made.producer.close()
    await made.tail.close()


@contextmanager
def processor(world: World) -> Iterator[None]:
    """A processor of counters at work in a thread."""
    name, stop = new_name(), threading.Event()
    made = Processor(
        [counter("run"), counter("app")],
        POLICIES,
        TOPOLOGY,
        lambda: world.consumer("processors"),
        lambda: world.transactional(name),
        lambda: world.reader(settled=True),
        SystemClock(),
    )
    thread = threading.Thread(target=made.run, args=(stop, 0.2))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_decision_holds_all_its_events_and_the_position_of_the_last(own_world: World, gateway: Gateway) -> None:
    with processor(own_world):
        first = await gateway.add("run/a", times=1)
        second = await gateway.add("run/a", times=3, amount=2)

    assert [event.type for event in second.events] == ["counter.added"] * 3
    assert [event.stream_version for event in second.events] == [2, 3, 4]
    assert second.accepted
    assert second.position.offset > first.position.offset + 2


async def test_refusal_and_ignored_command_are_answered(own_world: World, gateway: Gateway) -> None:
    with processor(own_world):
        refused = await gateway.add("run/a", amount=-1)
        ignored = await gateway.add("run/a", times=0)

    assert (refused.accepted, refused.code, refused.detail) == (False, "negative-amount", "-1 is below zero")
    assert ignored.accepted
    assert [event.type for event in ignored.events] == ["command.ignored"]


async def test_concurrent_commands_get_their_own_decisions(own_world: World, gateway: Gateway) -> None:
    commands = [command(f"run/{n % 7}", Add(times=n % 3 + 1)) for n in range(100)]

    with processor(own_world):
        decisions = await asyncio.gather(*map(gateway.bus.execute, commands))

    for sent, decision in zip(commands, decisions, strict=True):
        assert {(event.causation_id, event.stream) for event in decision.events} == {(sent.command_id, sent.stream)}
    assert [len(decision.events) for decision in decisions] == [n % 3 + 1 for n in range(100)]


async def test_command_that_nobody_decides_is_in_the_log_all_the_same(own_world: World, gateway: Gateway) -> None:
    sent = command("run/slow", Add())
    with pytest.raises(DecisionTimeout, match=sent.command_id):
        await gateway.bus.execute(sent, timeout_seconds=0.1)

    subscription = gateway.tail.subscribe(RUNS)
    with processor(own_world):
        events = [event async for event in until(subscription, "run/slow", 1)]

    assert [event.causation_id for event in events] == [sent.command_id]


async def test_subscriber_sees_only_its_topics_and_the_effects_of_policies(own_world: World, gateway: Gateway) -> None:
    runs, apps = gateway.tail.subscribe(RUNS), gateway.tail.subscribe(frozenset({"sealane.catalog.events"}))
    await gateway.tail.ready()

    with processor(own_world):
        await gateway.bus.send(command("run/x", Forward(region="eu-west", kind="app", id="y", amount=5)))
        in_runs = [event async for event in until(runs, "run/x", 1)]
        in_apps = [event async for event in until(apps, "app/y", 1)]

    assert [event.type for event in in_runs] == ["counter.forwarded"]
    assert [(event.type, event.region) for event in in_apps] == [("counter.added", "eu-west")]
    assert in_apps[0].correlation_id == "trace"


async def test_slow_subscriber_is_dropped_and_delays_nobody(own_world: World) -> None:
    gateway = Gateway(own_world, queue_limit=10)
    slow, quick = gateway.tail.subscribe(RUNS), gateway.tail.subscribe(RUNS)
    seen: list[EventEnvelope] = []

    async def follow() -> None:
        async for event in until(quick, "run/busy", 30):
            seen.append(event)

    follower = asyncio.create_task(follow())
    with processor(own_world):
        for _ in range(30):
            await gateway.add("run/busy")
        await asyncio.wait_for(follower, 10)
    with pytest.raises(SubscriberTooSlow):
        await anext(slow)
    await gateway.producer.close()
    await gateway.tail.close()

    assert len(seen) == 30


async def until(
    events: AsyncIterator[tuple[Position, EventEnvelope]], stream: str, count: int
) -> AsyncIterator[EventEnvelope]:
    """The next `count` events of one stream."""
    while count:
        _, event = await asyncio.wait_for(anext(events), 20)
        if event.stream == stream:
            count -= 1
            yield event
