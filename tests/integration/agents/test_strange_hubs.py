"""A hub that is newer, broken or no hub at all: the agent says what it did not understand, and does not storm it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from agents.backoff import Backoff
from agents.connection import HubConnection, Outbox, RefusedForGood
from core.protocol import messages as m
from tests.integration.agents.bench import Bench, offer

WELCOME = m.encode(m.Welcome(session="s"))
TRIES = 4


class StrangeHub:
    """Answers each hello with the same frames and waits for the agent to go."""

    def __init__(self, frames: list[bytes | str], close_code: int = 0) -> None:
        self._frames = frames
        self._close_code = close_code
        self.hellos = 0
        self.asked = asyncio.Condition()

    async def serve(self, socket: ServerConnection) -> None:
        await socket.recv()
        for frame in self._frames:
            await socket.send(frame)
        if self._close_code:
            await socket.close(self._close_code, "because")
        await socket.wait_closed()
        async with self.asked:
            self.hellos += 1
            self.asked.notify_all()


@asynccontextmanager
async def connected(bench: Bench, hub: StrangeHub) -> AsyncIterator[tuple["asyncio.Task[None]", Backoff]]:
    """An agent's connection that keeps dialling this hub."""
    backoff = Backoff(lambda: 0.0)
    async with serve(hub.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        running = asyncio.create_task(
            HubConnection(url, "token", "test", bench.worker, bench.store, Outbox(), backoff).run()
        )
        yield running, backoff
        running.cancel()
        with suppress(asyncio.CancelledError, RefusedForGood):
            await running


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "sealane.agent"):
        yield caplog


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([WELCOME, msgspec.msgpack.encode({"type": "ponder"})], "message type 'ponder' is not known here"),
        ([WELCOME, msgspec.msgpack.encode({"type": "ack", "attempt_key": 7})], "message 'ack': "),
        ([WELCOME, b"\xc1"], "does not understand"),
        (["welcome"], "text where a binary frame was expected"),
        ([m.encode(m.Drain())], "first word is Drain, not a welcome"),
        ([m.encode(m.Heartbeat())], "message type 'heartbeat' is not known here"),
    ],
    ids=["newer", "misfit", "rubbish", "text", "no-welcome", "agent"],
)
async def test_hub_that_is_not_understood_is_named_and_asked_less_and_less(
    bench: Bench, errors: pytest.LogCaptureFixture, frames: list[bytes | str], words: str
) -> None:
    hub = StrangeHub(frames)
    async with connected(bench, hub) as (running, backoff), asyncio.timeout(30):
        async with hub.asked:
            await hub.asked.wait_for(lambda: hub.hellos >= TRIES)

        assert not running.done()
        assert backoff.next_seconds() >= 0.05 * 2 ** (TRIES - 1)
    assert words in errors.text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (m.CLOSE_UNAUTHENTICATED, "refused this agent: because"),
        (m.CLOSE_POOL_FORBIDDEN, "refused this agent: because"),
        (m.CLOSE_UNSUPPORTED, "refused this agent: because"),
        (m.CLOSE_HELLO_REJECTED, "refused this agent: because"),
        (m.CLOSE_REPLACED, "another agent has connected as 'bench'"),
    ],
)
async def test_hub_that_refuses_for_good_is_not_asked_again(bench: Bench, code: int, words: str) -> None:
    async with connected(bench, StrangeHub([], code)) as (running, _):
        with pytest.raises(RefusedForGood, match=words):
            await asyncio.wait_for(running, 30)


@pytest.mark.parametrize("code", [m.CLOSE_UNAVAILABLE, m.CLOSE_LOST, m.CLOSE_TOO_MANY_REFUSALS, m.CLOSE_MALFORMED])
async def test_hub_that_refuses_for_now_is_asked_again(bench: Bench, code: int) -> None:
    hub = StrangeHub([WELCOME], code)
    async with connected(bench, hub) as (running, _), asyncio.timeout(30):
        async with hub.asked:
            await hub.asked.wait_for(lambda: hub.hellos >= 2)
        assert not running.done()


async def test_goodbye_of_the_hub_makes_the_agent_leave(bench: Bench) -> None:
    async with connected(bench, StrangeHub([WELCOME], m.CLOSE_LEFT)), asyncio.timeout(30):
        await bench.worker.draining.wait()

    bench.worker.take(offer())
    assert m.RefuseLease(attempt_key=offer().spec.attempt_key, epoch=1, reason="draining") in bench.said


async def test_hub_that_was_silent_too_long_hears_by_a_new_connection_that_the_jobs_were_killed(bench: Bench) -> None:
    """It may be the agent that was frozen, and the hub never lost it: the pool would wait for the jobs for ever."""
    welcome = m.encode(m.Welcome(session="s", heartbeat_seconds=60, lost_after_seconds=0.1))
    sleeps = offer(script="sleep 3600")
    hub = StrangeHub([welcome, m.encode(sleeps), m.encode(m.Start(attempt_key=sleeps.spec.attempt_key, epoch=1))])
    async with connected(bench, hub), asyncio.timeout(30), hub.asked:
        await hub.asked.wait_for(lambda: hub.hellos >= 1)
    assert bench.worker.status().jobs_abandoned == 1
