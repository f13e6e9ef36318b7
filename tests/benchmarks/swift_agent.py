"""Agents that finish at once: `python -m tests.benchmarks.swift_agent PORT TOKEN REGION AGENTS SLOTS [LINES]`.

They speak the real protocol to the real hub: accept, report each step and a log, finish. What the hub does not
acknowledge is counted, and so is every refusal; both are printed at the end and must be nothing.
"""

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime

from websockets.asyncio.client import ClientConnection, connect

from core.protocol import messages as m
from core.protocol.logs import LogChunk, LogLine, encode_chunk
from core.runs.spec import JobSpec, LogSummary, StepResult


class SwiftAgent:
    """One connection. `open` are attempts whose last message the hub has not acknowledged."""

    def __init__(self, name: str, region: str, slots: int, lines: int) -> None:
        self.name = name
        self.finished = 0
        self.refused: list[str] = []
        self.open: dict[str, int] = {}
        self._hello = m.Hello(
            protocol=m.PROTOCOL_VERSION,
            agent_id=name,
            region=region,
            pool="default",
            slots=slots,
            software="bench",
            isolation="none",
        )
        self._lines = lines
        self._offers: dict[str, m.Offer] = {}

    async def run(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(url, additional_headers=headers, compression=None, max_size=16 << 20) as socket:
            await socket.send(m.encode(self._hello))
            welcome = m.decode_hub_message(await _frame(socket))
            if not isinstance(welcome, m.Welcome):
                raise RuntimeError(f"{self.name} is not welcome: {welcome}")
            print(f"{self.name} connected", flush=True)
            beats = asyncio.create_task(_beat(socket, welcome.heartbeat_seconds))
            try:
                while True:
                    await self._take(socket, m.decode_hub_message(await _frame(socket)))
            finally:
                beats.cancel()

    async def _take(self, socket: ClientConnection, message: m.HubMessage) -> None:
        match message:
            case m.Offer():
                key = message.spec.attempt_key
                self._offers[key] = message
                await socket.send(m.encode(m.AcceptLease(attempt_key=key, epoch=message.epoch)))
            case m.Start():
                offer = self._offers.pop(message.attempt_key, None)
                if offer is not None:
                    await self._work(socket, offer.spec, offer.epoch)
            case m.Ack():
                if self.open.get(message.attempt_key, 0) <= message.number:
                    self.open.pop(message.attempt_key, None)
                    self.finished += 1
            case m.Refused():
                self.refused.append(f"{message.code}: {message.detail}")
            case _:
                pass

    async def _work(self, socket: ClientConnection, spec: JobSpec, epoch: int) -> None:
        frames = list(_reports(spec, epoch, self._lines))
        self.open[spec.attempt_key] = len(frames)
        for frame in frames:
            await socket.send(m.encode(frame))


def _reports(spec: JobSpec, epoch: int, lines: int) -> "list[m.ReliableMessage]":
    """All an attempt has to say, numbered from 1."""
    key, now = spec.attempt_key, datetime.now(UTC)
    held = {"attempt_key": key, "epoch": epoch}
    said: list[m.ReliableMessage] = []
    results = []
    for index, step in enumerate(spec.steps):
        said.append(m.StepStarted(number=len(said) + 1, index=index, at=now, **held))  # type: ignore[arg-type]
        if index == 0:
            said.append(m.LogWritten(number=len(said) + 1, chunk=_chunk(key, epoch, lines), **held))  # type: ignore[arg-type]
        result = StepResult(index, step.name, "success", 0)
        results.append(result)
        said.append(m.StepFinished(number=len(said) + 1, at=now, result=result, **held))  # type: ignore[arg-type]
    log = LogSummary(chunks=1, lines=lines, bytes=lines * 24)
    said.append(
        m.JobFinished(number=len(said) + 1, outcome="success", steps=tuple(results), log=log, **held)  # type: ignore[arg-type]
    )
    return said


def _chunk(key: str, epoch: int, lines: int) -> bytes:
    at = time.time_ns() // 1000
    texts = tuple(LogLine(at, "stdout", b"all is well, line %6d" % number) for number in range(lines))
    return encode_chunk(LogChunk(attempt_key=key, epoch=epoch, seq=0, first_line=0, step=0, lines=texts, last=True))


async def _beat(socket: ClientConnection, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await socket.send(m.encode(m.Heartbeat()))


async def _frame(socket: ClientConnection) -> bytes:
    frame = await socket.recv()
    assert isinstance(frame, bytes)
    return frame


async def main(port: str, token: str, region: str, agents: str, slots: str, lines: str = "2") -> None:
    made = [SwiftAgent(f"swift-{n}", region, int(slots), int(lines)) for n in range(int(agents))]
    url = f"ws://127.0.0.1:{port}/agent/v1/connect"
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    works = [asyncio.create_task(agent.run(url, token)) for agent in made]
    ended = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([ended, *works], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    refusals = [each for agent in made for each in agent.refused]
    unacknowledged = sum(len(agent.open) for agent in made)
    print(f"finished={sum(agent.finished for agent in made)} open={unacknowledged} refused={len(refusals)}", flush=True)
    for refusal in refusals[:5]:
        print(refusal, flush=True)
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
