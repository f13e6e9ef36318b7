"""A viewer gets a log in one piece, wherever its parts are and however slow it is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from core.protocol.logs import LogChunk
from gateway.realtime.log_gap import READERS
from gateway.realtime.log_tail import QUEUE_BYTES
from gateway.realtime.log_viewer import Missing, Piece
from projections.queries.types import LogGap
from tests.support.eventually import eventually
from tests.support.gateway_house import chunk_of, log_of
from tests.support.log_bench import KEY, LogBench, seqs


@pytest.fixture
async def bench() -> AsyncIterator[LogBench]:
    made = LogBench()
    yield made
    await made.close()


async def test_archive_and_kafka_are_stitched_without_hole_or_duplicate(bench: LogBench) -> None:
    chunks = log_of(KEY, 6)
    bench.write(*chunks[:5])
    bench.archive(chunks[:2], next_offset=2)
    bench.archive(chunks[2:3], next_offset=3)
    assert seqs(await bench.all_available()) == [0, 1, 2, 3, 4]


async def test_overlap_of_archive_and_kafka_is_dropped(bench: LogBench) -> None:
    chunks = log_of(KEY, 4)
    bench.write(*chunks)
    bench.archive(chunks[:3], next_offset=1)
    assert seqs(await bench.all_available()) == [0, 1, 2, 3]


async def test_chunks_that_were_sent_twice_are_seen_once(bench: LogBench) -> None:
    chunks = log_of(KEY, 4)
    bench.write(*chunks[:3], *chunks[1:3], *chunks[1:])
    bench.finish(4)
    assert seqs(await bench.followed()) == [0, 1, 2, 3]


async def test_other_attempts_of_the_partition_are_not_seen(bench: LogBench) -> None:
    bench.write(*log_of("us-east-fedcba9876543210/build/1", 3), key="us-east-fedcba9876543210/build/1")
    bench.write(*log_of(KEY, 2))
    assert [piece.attempt_key for piece in await bench.all_available() if isinstance(piece, LogChunk)] == [KEY, KEY]


async def test_follower_gets_what_is_written_later_and_ends_with_the_last_chunk(bench: LogBench) -> None:
    chunks = log_of(KEY, 5)
    bench.write(*chunks[:2])
    seen: list[Piece] = []
    async with asyncio.timeout(20):
        async for piece in bench.viewer().follow():
            seen.append(piece)
            if len(seen) == 2:
                bench.write(*chunks[2:])
    assert seqs(seen) == [0, 1, 2, 3, 4]


async def test_segments_before_the_wanted_line_are_not_even_opened(bench: LogBench) -> None:
    chunks = log_of(KEY, 4, lines_each=10)
    bench.archive(chunks[:2], next_offset=2)
    bench.archive(chunks[2:], next_offset=4)
    bench.objects.delete(bench.segments[0].object_key)
    assert seqs(await bench.all_available(from_line=25)) == [2, 3]


async def test_complete_archive_needs_no_kafka(bench: LogBench) -> None:
    bench.archive(log_of(KEY, 3), next_offset=3)
    bench.finish(3)
    assert seqs(await bench.followed()) == [0, 1, 2]
    assert bench.readers == 0


async def test_missing_chunks_are_said_with_their_recorded_reason(bench: LogBench) -> None:
    chunks = log_of(KEY, 5)
    bench.archive(chunks[:1], next_offset=1)
    bench.archive(chunks[3:], next_offset=3)
    bench.gaps.append(
        LogGap(attempt_key=KEY, first_seq=1, last_seq=2, reason="spool-full", recorded_at=datetime.now(UTC))
    )
    pieces = await bench.all_available()
    assert pieces[1] == Missing(1, 2, "spool-full")
    assert seqs(pieces) == [0, 3, 4]


async def test_segment_whose_object_is_gone_is_said(bench: LogBench) -> None:
    chunks = log_of(KEY, 3)
    bench.archive(chunks[:2], next_offset=2)
    bench.archive(chunks[2:], next_offset=3)
    bench.objects.delete(bench.segments[0].object_key)
    assert await bench.all_available() == [Missing(0, 1, "archive-unreadable"), chunks[2]]


async def test_damaged_last_segment_is_said_and_ends_the_log(bench: LogBench) -> None:
    bench.archive(log_of(KEY, 3), next_offset=3)
    bench.objects.put(bench.segments[0].object_key, b"nonsense")
    bench.finish(3)
    assert await bench.followed() == [Missing(0, 2, "archive-unreadable")]


async def test_lost_attempt_ends_with_what_there_is(bench: LogBench) -> None:
    bench.write(*log_of(KEY, 4)[:3])
    bench.finish(0)
    assert seqs(await bench.followed()) == [0, 1, 2]


async def test_attempt_that_never_wrote_ends_at_once(bench: LogBench) -> None:
    bench.finish(0)
    assert await bench.followed() == []


async def test_chunks_that_never_come_are_reported_after_patience(bench: LogBench) -> None:
    chunks = log_of(KEY, 4)
    bench.write(*chunks[:2])
    bench.finish(4)
    pieces = await bench.followed()
    assert seqs(pieces) == [0, 1]
    assert pieces[-1] == Missing(2, 3, "not-received")


async def test_slow_viewer_is_bounded_and_still_gets_everything(bench: LogBench) -> None:
    """More than its queue holds is written while it does not read; the rest comes from the log."""
    big = "x" * (QUEUE_BYTES // 4)
    chunks = [chunk_of(KEY, seq, [big], seq, last=seq == 29) for seq in range(30)]
    bench.write(chunks[0])
    seen: list[Piece] = []
    async with asyncio.timeout(30):
        async for piece in bench.viewer().follow():
            seen.append(piece)
            if len(seen) == 1:
                bench.write(*chunks[1:])
            await asyncio.sleep(0.01)
    assert seqs(seen) == list(range(30))
    assert bench.rereads >= 1


async def test_archive_that_moves_on_meanwhile_leaves_no_seam(bench: LogBench) -> None:
    """The viewer lags, the archive overtakes it: its next round starts from the archive."""
    big = "x" * (QUEUE_BYTES // 4)
    chunks = [chunk_of(KEY, seq, [big], seq, last=seq == 19) for seq in range(20)]
    bench.write(chunks[0])
    seen: list[Piece] = []
    async with asyncio.timeout(30):
        async for piece in bench.viewer().follow():
            seen.append(piece)
            if len(seen) == 1:
                bench.write(*chunks[1:])
                bench.archive(chunks[:8], next_offset=8)
            await asyncio.sleep(0.01)
    assert seqs(seen) == list(range(20))


async def test_many_viewers_share_a_few_readers(bench: LogBench) -> None:
    chunks = log_of(KEY, 3)
    watching = [asyncio.create_task(bench.followed()) for _ in range(30)]
    async with asyncio.timeout(20):
        await eventually(lambda: bench.watching == 30)
        bench.write(*chunks)
        assert [seqs(pieces) for pieces in await asyncio.gather(*watching)] == [[0, 1, 2]] * 30
    assert bench.readers <= 1 + READERS


async def test_viewer_that_goes_away_gives_its_reader_back(bench: LogBench) -> None:
    """Whenever it is cancelled; with fewer readers than that, the last one could not read at all."""
    bench.write(*log_of(KEY, 3))
    for moment in range(3 * READERS):
        leaving = asyncio.create_task(bench.followed())
        await asyncio.sleep(0.002 * moment)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    async with asyncio.timeout(20):
        assert seqs(await bench.all_available()) == [0, 1, 2]


async def test_reader_that_fails_is_replaced(bench: LogBench) -> None:
    chunks = log_of(KEY, 3)
    bench.write(chunks[0])
    seen: list[Piece] = []
    async with asyncio.timeout(20):
        async for piece in bench.viewer().follow():
            seen.append(piece)
            if len(seen) == 1:
                await bench.tail.close()
                bench.write(*chunks[1:])
    assert seqs(seen) == [0, 1, 2]


async def test_log_in_a_long_partition_is_found_by_its_time(bench: LogBench) -> None:
    """Nothing is archived: the start is found by the records' times, not by reading all from the beginning."""
    other = "us-east-fedcba9876543210/build/1"
    bench.write(*(chunk_of(other, seq, ["x"], seq) for seq in range(5000)), key=other)
    bench.log.clock.advance(3600)
    bench.attempt = type(bench.attempt)(
        key=KEY,
        run_id=bench.attempt.run_id,
        job_id="build",
        attempt=1,
        queued_at=bench.log.clock.now(),
        finished=False,
        log_chunks=0,
    )
    bench.write(*log_of(KEY, 2))
    polled: list[str] = []
    bench.log.on_call = lambda call: polled.append(call.operation) if call.phase == "before" else None
    assert seqs(await bench.all_available()) == [0, 1]
    assert polled.count("reader.poll") < 25
