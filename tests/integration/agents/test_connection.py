"""What survives a broken connection, a killed hub and a killed agent; and who is not let in."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.aggregate import CommandRejected
from core.pipeline.plan import Retry
from core.pools.events import LeaseGranted
from core.protocol import messages as m
from core.protocol.logs import LogChunk, encode_chunk
from core.runs.events import JobFinished
from core.runs.spec import StepResult
from tests.integration.agents.rig import OTHER_TOKEN, TOKEN, Rig

COUNT = "for n in $(seq 300); do echo $n; sleep 0.01; done"
COUNTED = "".join(f"{n}\n" for n in range(1, 301)).encode()


def test_hub_killed_in_mid_job_costs_no_line_and_no_result(rig: Rig) -> None:
    rig.agent()
    attempt = rig.job(COUNT, "echo done")
    attempt.wait_for_output("50")
    rig.stop_hub()
    rig.start_hub()

    end = attempt.finished()

    assert (end.outcome, end.attempt) == ("success", 1)
    assert attempt.data("stdout") == COUNTED + b"done\n"
    assert end.log.chunks == len(attempt.chunks())


def test_job_that_ends_while_the_hub_is_away_is_reported_afterwards(rig: Rig) -> None:
    rig.agent()
    attempt = rig.job("echo ready; sleep 1; echo done")
    attempt.wait_for_output("ready")
    rig.stop_hub()
    agent = rig.agents[0]
    rig.wait(lambda: not list((agent.data_dir / "jobs").iterdir()))
    rig.start_hub()

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout") == b"ready\ndone\n"


def test_result_is_reported_by_the_agents_next_process(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job("echo ready; sleep 1; echo done")
    attempt.wait_for_output("ready")
    rig.stop_hub()
    # Its last word is on disk, which comes after the workspace is gone.
    rig.wait(lambda: any(b"job.finished" in path.read_bytes() for path in (agent.data_dir / "spool").glob("*/*")))
    agent.kill()
    rig.start_hub()
    rig.start_agent()

    end = attempt.finished()

    assert (end.outcome, end.attempt) == ("success", 1)
    assert attempt.data("stdout") == b"ready\ndone\n"
    rig.wait(lambda: not list((agent.data_dir / "spool").iterdir()))


def test_job_of_a_killed_agent_runs_again_as_a_new_attempt(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job('echo ready; [ "$ATTEMPT" = 2 ] || sleep 3600', retry=Retry(max=1))
    attempt.wait_for_output("ready")
    agent.kill()
    rig.start_agent(data_dir=str(rig.folder / "agent"))

    first, second = attempt.finished(), attempt.retry().finished()

    assert (first.outcome, first.reason) == ("error", "agent-lost")
    assert second.outcome == "success"


def test_agent_that_hears_nothing_for_too_long_kills_its_jobs(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job("echo ready; sleep 3600")
    attempt.wait_for_output("ready")
    rig.stop_hub()

    rig.wait(lambda: not list((agent.data_dir / "jobs").iterdir()), agent.output)
    assert "no word from the hub" in agent.output()


def test_agent_leaves_when_its_job_is_done(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job("echo ready; sleep 1; echo done")
    attempt.wait_for_output("ready")
    agent.terminate()
    later = rig.job("echo later")

    assert attempt.finished().outcome == "success"
    assert agent.exit_code() == 0
    rig.wait(lambda: rig.count("agent.gone") == 1)
    assert not later.events(JobFinished)


def test_second_signal_cancels_what_runs(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job("echo ready; sleep 3600")
    attempt.wait_for_output("ready")
    agent.terminate()
    rig.wait(lambda: rig.count("agent.draining") == 1)
    agent.process.send_signal(signal.SIGINT)

    assert (attempt.finished().outcome, attempt.finished().reason) == ("error", "agent-stopped")
    assert agent.exit_code() == 0


def test_token_nobody_knows_ends_the_agent_with_the_reason(rig: Rig) -> None:
    agent = rig.start_agent(token="sl_" + "z" * 40)

    assert agent.exit_code() == 4
    assert "unknown or was revoked" in agent.output()


def test_token_of_another_pool_ends_the_agent_with_the_reason(rig: Rig) -> None:
    agent = rig.start_agent(token=OTHER_TOKEN)

    assert agent.exit_code() == 4, agent.output()
    assert "serves eu-west/default, not us-east/default" in agent.output()


def test_two_agents_in_one_directory_are_told_apart_at_once(rig: Rig) -> None:
    rig.agent()
    second = rig.start_agent()

    assert second.exit_code() == 6
    assert "another agent works in" in second.output()


def test_agent_refuses_jobs_without_a_sandbox_unless_told_otherwise(rig: Rig) -> None:
    rig.agent(isolation="none")
    attempt = rig.job("echo hi")
    rig.wait(lambda: rig.count("lease.returned") == 1)
    returned = rig.events("lease.returned")[0]

    assert b"no-sandbox" in bytes(returned.data)
    rig.agents[0].kill()
    rig.agent(name="agent-2", data_dir=str(rig.folder / "agent-2"), isolation="none", unsafe_no_sandbox=True)
    assert attempt.finished().outcome == "success"


class Peer:
    """Speaks the protocol by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, message: m.AgentMessage) -> None:
        await self.socket.send(m.encode(message))

    async def hear(self, kind: type[msgspec.Struct]) -> m.HubMessage:
        """The next message of this kind; those of other kinds are passed over."""
        while True:
            frame = await asyncio.wait_for(self.socket.recv(), 20)
            assert isinstance(frame, bytes)
            message = m.decode_hub_message(frame)
            if isinstance(message, kind):
                return message

    async def close_code(self) -> int:
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), 20)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0


@asynccontextmanager
async def peer(rig: Rig, token: str = TOKEN, port: int = 0) -> AsyncIterator[Peer]:
    url = f"ws://127.0.0.1:{port or rig.port}/agent/v1/connect"
    async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        yield Peer(socket)


def hello(name: str = "liar", **more: object) -> m.Hello:
    values: dict[str, object] = {"protocol": 1, "agent_id": name, "region": "us-east", "pool": "default", "slots": 1}
    return m.Hello(**(values | more))  # type: ignore[arg-type]


async def test_unsupported_version_is_told_which_are_spoken(rig: Rig) -> None:
    async with peer(rig) as agent:
        await agent.say(hello(protocol=7))
        refused = await agent.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert refused.code == "protocol-unsupported"
        assert "speaks protocol 1, the agent 7" in refused.detail
        assert await agent.close_code() == m.CLOSE_UNSUPPORTED


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"not msgpack at all", m.encode(m.Heartbeat())])
async def test_first_message_that_is_no_hello_closes_the_connection(rig: Rig, frame: bytes) -> None:
    async with peer(rig) as agent:
        await agent.socket.send(frame)

        assert await agent.close_code() == m.CLOSE_MALFORMED


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (msgspec.msgpack.encode({"type": "lease.ponder"}), "message type 'lease.ponder' is not known here"),
        (b"\x81\xa4type\xa3\xff\xfe\xfd", "not UTF-8"),
        ("heartbeat", "text came where a binary frame belongs"),
        (b"\x00" * ((1 << 20) + 1), "a frame of 1048577 bytes; at most 1048576 are taken"),
    ],
    ids=["newer", "no-text", "no-bytes", "large"],
)
async def test_message_the_hub_does_not_know_ends_the_connection_with_the_reason(
    rig: Rig, frame: bytes | str, words: str
) -> None:
    async with peer(rig) as agent:
        await agent.say(hello())
        await agent.hear(m.Welcome)
        await agent.socket.send(frame)
        refused = await agent.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert refused.code == "message-malformed"
        assert words in refused.detail
        assert await agent.close_code() == m.CLOSE_MALFORMED


async def test_hello_that_holds_more_leases_than_anybody_can_is_refused(rig: Rig) -> None:
    held = tuple(m.HeldLease(f"us-east-{n:016x}/job/1", 1) for n in range(2001))
    async with peer(rig) as agent:
        await agent.say(hello(held=held))
        refused = await agent.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert "2001 leases held; 2000 at most" in refused.detail


async def test_wrong_pool_is_refused_with_its_own_code(rig: Rig) -> None:
    async with peer(rig) as agent:
        await agent.say(hello(pool="release"))
        refused = await agent.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert refused.code == "pool-forbidden"
        assert await agent.close_code() == m.CLOSE_POOL_FORBIDDEN


async def test_newer_connection_of_an_agent_replaces_the_older(rig: Rig) -> None:
    async with peer(rig) as older, peer(rig) as newer:
        await older.say(hello())
        await older.hear(m.Welcome)
        await newer.say(hello())
        await newer.hear(m.Welcome)

        assert await older.close_code() == m.CLOSE_REPLACED


async def test_connection_at_another_gateway_replaces_the_older(rig: Rig) -> None:
    with rig.another_hub() as port:
        async with peer(rig) as older, peer(rig, port=port) as newer:
            await older.say(hello())
            await older.hear(m.Welcome)
            await newer.say(hello())
            await newer.hear(m.Welcome)

            assert await older.close_code() == m.CLOSE_REPLACED
            await newer.say(m.Heartbeat())
            assert await newer.hear(m.HeartbeatSeen)


async def test_held_lease_that_was_made_up_is_revoked(rig: Rig) -> None:
    key = "us-east-0123456789abcdef/job/1"
    async with peer(rig) as agent:
        await agent.say(hello(held=(m.HeldLease(key, 3),)))
        welcome = await agent.hear(m.Welcome)

        assert isinstance(welcome, m.Welcome)
        assert welcome.revoked == (key,)


async def test_report_on_anothers_lease_is_refused_and_on_record(rig: Rig) -> None:
    rig.agent()
    attempt = rig.job("echo ready; sleep 2; echo done")
    await asyncio.to_thread(attempt.wait_for_output, "ready")
    granted = rig.events("lease.granted")[0]
    epoch = msgspec.json.decode(granted.data, type=LeaseGranted).epoch
    held = {"attempt_key": attempt.key, "epoch": epoch}
    async with peer(rig) as liar:
        await liar.say(hello())
        await liar.hear(m.Welcome)
        chunk = LogChunk(seq=9, first_line=0, step=0, lines=(), **held)  # type: ignore[arg-type]
        await liar.say(m.LogWritten(number=1, chunk=encode_chunk(chunk), **held))  # type: ignore[arg-type]
        lie = StepResult(index=0, name="step-0", outcome="failure")
        await liar.say(m.StepFinished(number=2, at=datetime.now(UTC), result=lie, **held))  # type: ignore[arg-type]
        for number in range(3, 9):
            await liar.say(m.JobFinished(number=number, outcome="failure", **held))  # type: ignore[arg-type]
        refused = await liar.hear(m.Refused)

        assert isinstance(refused, m.Refused)
        assert refused.code == "stale-lease"

    end = await asyncio.to_thread(attempt.finished)
    assert end.outcome == "success"
    assert attempt.data("stdout") == b"ready\ndone\n"
    rejected = [event for event in attempt.events(CommandRejected) if event.code == "stale-lease"]
    assert rejected


async def test_lease_of_another_agent_can_not_be_taken_over(rig: Rig) -> None:
    rig.agent()
    attempt = rig.job("echo ready; until [ -e go ]; do sleep 0.05; done; echo done")
    await asyncio.to_thread(attempt.wait_for_output, "ready")
    epoch = msgspec.json.decode(rig.events("lease.granted")[0].data, type=LeaseGranted).epoch
    held = {"attempt_key": attempt.key, "epoch": epoch}
    async with peer(rig) as liar:
        await liar.say(hello(held=(m.HeldLease(**held),)))  # type: ignore[arg-type]
        welcome = await liar.hear(m.Welcome)
        assert isinstance(welcome, m.Welcome)
        assert welcome.revoked == (attempt.key,)
        await liar.say(m.AcceptLease(**held))  # type: ignore[arg-type]
        refused = await liar.hear(m.Refused)
        assert isinstance(refused, m.Refused)
        assert (refused.code, refused.attempt_key) == ("stale-lease", attempt.key)
        await liar.say(m.RefuseLease(reason="mine", **held))  # type: ignore[arg-type]
        await liar.say(m.JobFinished(number=1, outcome="success", **held))  # type: ignore[arg-type]
        await liar.hear(m.Refused)

    (workspace,) = (rig.agents[0].data_dir / "jobs").glob("*/workspace")
    (workspace / "go").touch()
    end = await asyncio.to_thread(attempt.finished)
    assert (end.outcome, end.attempt) == ("success", 1)
    assert attempt.data("stdout") == b"ready\ndone\n"


async def test_chunk_of_another_log_is_not_taken(rig: Rig) -> None:
    attempt = rig.job("echo hi")
    async with peer(rig) as agent:
        await agent.say(hello())
        await agent.hear(m.Welcome)
        offer = await agent.hear(m.Offer)
        assert isinstance(offer, m.Offer)
        await agent.say(m.AcceptLease(attempt_key=attempt.key, epoch=offer.epoch))
        await agent.hear(m.Start)
        other = LogChunk(attempt_key="us-east-0123456789abcdef/job/1", epoch=1, seq=0, first_line=0, step=0, lines=())
        frame = m.LogWritten(number=1, attempt_key=attempt.key, epoch=offer.epoch, chunk=encode_chunk(other))
        await agent.say(frame)

        assert await agent.close_code() == m.CLOSE_MALFORMED
    assert not attempt.chunks()


async def test_agent_that_keeps_lying_is_disconnected(rig: Rig) -> None:
    async with peer(rig) as liar:
        await liar.say(hello())
        await liar.hear(m.Welcome)
        for number in range(60):
            await liar.say(
                m.JobFinished(number=number, attempt_key="us-east-0123456789abcdef/job/1", epoch=1, outcome="success")
            )

        assert await liar.close_code() == m.CLOSE_TOO_MANY_REFUSALS
