"""An agent that the pool has given up: it is told, ends what it ran, and is never taken for the one that took over."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from core.pipeline.plan import Retry
from core.protocol import messages as m
from core.runs.events import JobFinished
from tests.integration.agents.rig import Rig
from tests.integration.agents.test_connection import hello, peer
from tests.integration.agents.test_sandbox import processes_with

LOST_SECONDS = 40.0
ONCE_FOR_EVER = 'echo "attempt $ATTEMPT"; [ "$ATTEMPT" = 2 ] || exec sleep 31415.{tag}'


async def test_agent_that_is_given_up_is_disconnected_with_the_reason(rig: Rig) -> None:
    async with peer(rig) as agent:
        await agent.say(hello())
        await agent.hear(m.Welcome)
        rig.clock.skip(LOST_SECONDS)

        assert await agent.close_code() == m.CLOSE_LOST
    assert rig.count("agent.gone") == 1


async def test_agent_that_is_given_up_hears_that_its_attempt_is_gone_before_it_is_disconnected(rig: Rig) -> None:
    attempt = rig.job("true")
    async with peer(rig) as agent:
        await agent.say(hello())
        offer = await agent.hear(m.Offer)
        assert isinstance(offer, m.Offer)
        await agent.say(m.AcceptLease(attempt_key=attempt.key, epoch=offer.epoch))
        await agent.hear(m.Start)
        rig.clock.skip(LOST_SECONDS)
        abandon = await agent.hear(m.Abandon)

        assert isinstance(abandon, m.Abandon)
        assert (abandon.attempt_key, abandon.reason) == (attempt.key, "agent-lost")
        assert await agent.close_code() == m.CLOSE_LOST


async def test_refused_offer_is_not_followed_by_an_abandon(rig: Rig) -> None:
    attempt = rig.job("true")
    async with peer(rig) as agent:
        await agent.say(hello())
        offer = await agent.hear(m.Offer)
        assert isinstance(offer, m.Offer)
        await agent.say(m.RefuseLease(attempt_key=attempt.key, epoch=offer.epoch, reason="disk-full"))
        await asyncio.to_thread(rig.wait, lambda: rig.count("lease.returned") == 1)
        heard = []
        await agent.say(m.Heartbeat())
        while not isinstance(message := await agent.hear(msgspec.Struct), m.HeartbeatSeen):
            heard.append(message)

        assert not heard


async def test_agent_the_pool_does_not_take_as_it_is_is_told_why(rig: Rig) -> None:
    async with peer(rig) as agent:
        await agent.say(hello(labels=("  ",)))
        refused = await agent.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert refused.code == "labels-invalid"
        assert await agent.close_code() == m.CLOSE_HELLO_REJECTED


def test_agent_with_labels_nobody_takes_ends_with_the_reason(rig: Rig) -> None:
    agent = rig.start_agent(labels=["  "])

    assert agent.exit_code() == 4
    assert "a label is 1 to 100 printable characters" in agent.output()


@pytest.mark.parametrize("frozen", [False, True], ids=["awake", "frozen"])
def test_agent_that_comes_back_after_it_was_given_up_ends_its_old_attempt(rig: Rig, frozen: bool) -> None:
    zombie = rig.agent(name="zombie", data_dir=str(rig.folder / "zombie"))
    attempt = rig.job(ONCE_FOR_EVER.format(tag="7"), retry=Retry(max=1))
    attempt.wait_for_output("attempt 1")
    rig.wait(lambda: bool(processes_with("31415.7")))
    if frozen:
        zombie.process.send_signal(signal.SIGSTOP)
    rig.clock.skip(LOST_SECONDS)
    rig.wait(lambda: rig.count("lease.lost") == 1)
    if frozen:
        rig.agent(name="heir", data_dir=str(rig.folder / "heir"))
        assert attempt.retry().finished().outcome == "success"
        zombie.process.send_signal(signal.SIGCONT)

    rig.wait(lambda: not processes_with("31415.7"), zombie.output)
    rig.wait(lambda: not list((zombie.data_dir / "jobs").iterdir()), zombie.output)
    first, second = attempt.finished(), attempt.retry().finished()
    assert (first.outcome, first.reason) == ("error", "agent-lost")
    assert second.outcome == "success"
    assert len(attempt.events(JobFinished)) == 2
    assert attempt.retry().data("stdout") == b"attempt 2\n"


def test_agent_that_was_given_up_works_again_as_a_new_one(rig: Rig) -> None:
    agent = rig.agent()
    rig.clock.skip(LOST_SECONDS)
    rig.wait(lambda: rig.count("agent.connected") == 2, agent.output)

    assert rig.job("echo hi").finished().outcome == "success"
    assert "gave its leases away" in agent.output()


def test_idle_agent_that_drains_is_on_record_as_left_before_it_ends(rig: Rig) -> None:
    agent = rig.agent()
    agent.terminate()

    assert agent.exit_code() == 0
    assert b'"left"' in bytes(rig.events("agent.gone")[0].data)
    assert not list(Path(agent.data_dir / "spool").iterdir())
