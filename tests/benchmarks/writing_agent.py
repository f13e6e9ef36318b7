"""An agent that holds one job after the other and writes as much log as it is told to: for the row about logs."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from websockets.asyncio.client import ClientConnection, connect

from core.protocol import messages as m
from core.protocol.logs import LogChunk, LogLine, encode_chunk
from core.runs.spec import LogSummary, StepResult

LINE_BYTES = 100


class WritingAgent:
    """Use `job()` to wait for a lease, then `write()`. Keeps to the hub's window."""

    def __init__(self, region: str) -> None:
        self._hello = m.Hello(
            protocol=m.PROTOCOL_VERSION, agent_id="writer", region=region, pool="default", slots=1, isolation="none"
        )
        self._started: asyncio.Queue[m.Offer] = asyncio.Queue()
        self._offers: dict[str, m.Offer] = {}
        self._acked = 0
        self._news = asyncio.Condition()
        self._window = 0
        self._socket: ClientConnection | None = None

    async def run(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(url, additional_headers=headers, compression=None, max_size=16 << 20) as socket:
            await socket.send(m.encode(self._hello))
            self._socket = socket
            beats = asyncio.create_task(self._beat(socket))
            try:
                async for frame in socket:
                    assert isinstance(frame, bytes)
                    await self._take(socket, m.decode_hub_message(frame))
            finally:
                beats.cancel()

    async def job(self) -> m.Offer:
        return await self._started.get()

    async def write(self, offer: m.Offer, lines: int, lines_per_chunk: int, pause: Callable[[int], float]) -> None:
        """`pause(n)` is how long to wait before chunk n. Returns when the hub has acknowledged everything."""
        assert self._socket is not None
        key, epoch = offer.spec.attempt_key, offer.epoch
        held = {"attempt_key": key, "epoch": epoch}
        now = datetime.now(UTC)
        await self._socket.send(m.encode(m.StepStarted(number=1, index=0, at=now, **held)))  # type: ignore[arg-type]
        chunks = range(0, lines, lines_per_chunk)
        self._acked = 0
        for seq, first in enumerate(chunks):
            await asyncio.sleep(pause(seq))
            chunk = _chunk(key, epoch, seq, range(first, min(first + lines_per_chunk, lines)), seq == len(chunks) - 1)
            await self._room(seq + 2, len(chunk))
            await self._socket.send(m.encode(m.LogWritten(number=seq + 2, chunk=chunk, **held)))  # type: ignore[arg-type]
        last = len(chunks) + 2
        await self._socket.send(
            m.encode(
                m.JobFinished(
                    number=last,
                    outcome="success",
                    steps=(StepResult(0, offer.spec.steps[0].name, "success", 0),),
                    log=LogSummary(chunks=len(chunks), lines=lines, bytes=lines * LINE_BYTES),
                    **held,  # type: ignore[arg-type]
                )
            )
        )
        async with self._news:
            await self._news.wait_for(lambda: self._acked >= last)

    async def _room(self, number: int, size: int) -> None:
        most = max(1, self._window // size)
        async with self._news:
            await self._news.wait_for(lambda: number - self._acked < most)

    async def _take(self, socket: ClientConnection, message: m.HubMessage) -> None:
        match message:
            case m.Welcome():
                self._window = message.window_bytes
            case m.Offer():
                key = message.spec.attempt_key
                self._offers[key] = message
                await socket.send(m.encode(m.AcceptLease(attempt_key=key, epoch=message.epoch)))
            case m.Start():
                offer = self._offers.pop(message.attempt_key, None)
                if offer is not None:
                    self._started.put_nowait(offer)
            case m.Ack():
                async with self._news:
                    self._acked = message.number
                    self._news.notify_all()
            case _:
                pass

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(5)
            await socket.send(m.encode(m.Heartbeat()))


def _chunk(key: str, epoch: int, seq: int, numbers: range, last: bool) -> bytes:
    at = time.time_ns()
    texts = (b"%019d line %8d " % (at, number) for number in numbers)
    lines = tuple(LogLine(at // 1000, "stdout", text.ljust(LINE_BYTES, b".")) for text in texts)
    return encode_chunk(
        LogChunk(attempt_key=key, epoch=epoch, seq=seq, first_line=numbers.start, step=0, lines=lines, last=last)
    )
