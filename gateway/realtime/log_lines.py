"""Log chunks as lines for people: text by line, with their place, for one attempt or a whole run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from core.protocol.logs import LogChunk
from gateway.realtime.log_viewer import LogViewer, Missing, Piece
from gateway.realtime.run_watch import run_documents
from gateway.state import GatewayState
from projections.queries.attempts import attempt_state

QUEUED_LINES = 2000


class Line(msgspec.Struct, frozen=True):
    """One line. `line` counts from 0; `at_us` is the agent's clock; `text` has bytes that are no UTF-8 replaced.

    `partial`: the line was too long for one piece and goes on in the next.
    """

    job: str
    attempt: int
    line: int
    step: int
    stream: str
    at_us: int
    text: str
    partial: bool = False


class Notice(msgspec.Struct, frozen=True):
    """Something about the log itself: chunks that are missing, or a log that was cut off."""

    job: str
    attempt: int
    code: str
    detail: str


def lines_of(job: str, attempt: int, piece: Piece, from_line: int) -> list[Line | Notice]:
    if isinstance(piece, Missing):
        detail = f"chunks {piece.first_seq} to {piece.last_seq} are missing"
        return [Notice(job, attempt, piece.reason, detail)]
    found: list[Line | Notice] = [
        Line(job, attempt, number, piece.step, line.stream, line.at_us, text_of(line.data), line.partial)
        for number, line in enumerate(piece.lines, piece.first_line)
        if number >= from_line
    ]
    if piece.dropped_bytes:
        found.append(Notice(job, attempt, "log-truncated", f"{piece.dropped_bytes} bytes were not kept"))
    return found


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def raw_of(chunk: LogChunk, from_line: int, timestamps: bool) -> bytes:
    """The lines as the job wrote them, ANSI and all."""
    written = []
    for number, line in enumerate(chunk.lines, chunk.first_line):
        if number >= from_line:
            stamp = f"{line.at_us / 1_000_000:.6f} ".encode() if timestamps else b""
            written.append(stamp + line.data + (b"" if line.partial else b"\n"))
    return b"".join(written)


async def run_lines(gateway: GatewayState, run_id: str) -> AsyncIterator[Line | Notice]:
    """The lines of all jobs of a run, each job's in order, until the run and all its logs ended."""
    queue: asyncio.Queue[Line | Notice] = asyncio.Queue(QUEUED_LINES)
    followers: dict[str, asyncio.Task[None]] = {}
    watching = asyncio.create_task(_follow_attempts(gateway, run_id, queue, followers))
    try:
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), 0.2)
            except TimeoutError:
                over = watching.done() and all(task.done() for task in followers.values())
                if over and queue.empty():
                    return
    finally:
        tasks = [watching, *followers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow_attempts(
    gateway: GatewayState,
    run_id: str,
    queue: "asyncio.Queue[Line | Notice]",
    followers: dict[str, asyncio.Task[None]],
) -> None:
    async for document in run_documents(gateway, run_id):
        for stage in document.stages:
            for job in stage.jobs:
                for attempt in job.attempts:
                    if attempt.state in ("running", "finished") and attempt.key not in followers:
                        work = _follow_one(gateway, run_id, job.id, attempt.attempt, queue)
                        followers[attempt.key] = asyncio.create_task(work)


async def _follow_one(
    gateway: GatewayState, run_id: str, job: str, attempt: int, queue: "asyncio.Queue[Line | Notice]"
) -> None:
    found = await attempt_state(gateway.services.db, run_id, job, attempt)
    if found is None or (found.finished and not found.log_chunks):
        return
    with suppress(KeyError):
        async for piece in LogViewer(gateway, found).follow():
            for line in lines_of(job, attempt, piece, 0):
                await queue.put(line)
