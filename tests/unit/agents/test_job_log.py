"""A job's log: what was written is in it, in order and by stream, in numbered chunks; what is missing is counted."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.job_log import CHUNK_BYTES, JobLog
from agents.log_spool import LogSpool
from agents.spool_store import SpoolStore
from core.protocol.logs import LogChunk, LogLine, StreamName, decode_chunk
from core.protocol.messages import LogWritten
from core.runs.spec import LogSummary

MEBIBYTE = 1 << 20


def unexpected(detail: str) -> None:
    raise AssertionError(detail)


class Recorded:
    """A log over a real spool, and what is in the spool afterwards."""

    def __init__(self, folder: Path, max_bytes: int = MEBIBYTE) -> None:
        self.store = SpoolStore(folder, MEBIBYTE)
        self.spool = self.store.create("us-east-1/job/1", 3)
        clock = itertools.count(1)
        self.log = JobLog(self.spool, max_bytes, lambda: next(clock), self.store, unexpected)

    def chunks(self) -> list[LogChunk]:
        frames = iter(self.spool.next_frame, None)
        return [decode_chunk(msgspec.msgpack.decode(frame, type=LogWritten).chunk) for frame in frames]


def check_numbers(chunks: list[LogChunk], summary: LogSummary) -> None:
    assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
    starts = itertools.accumulate((len(chunk.lines) for chunk in chunks), initial=0)
    assert [chunk.first_line for chunk in chunks] == list(starts)[:-1]
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (summary.chunks, summary.lines) == (len(chunks), sum(len(chunk.lines) for chunk in chunks))
    assert chunks[-1].dropped_bytes == summary.dropped_bytes
    times = [line.at_us for chunk in chunks for line in chunk.lines]
    assert times == sorted(times)


def lines_of(chunks: list[LogChunk], *streams: StreamName, step: int | None = None) -> list[LogLine]:
    wanted = [chunk for chunk in chunks if step is None or chunk.step == step]
    return [line for chunk in wanted for line in chunk.lines if line.stream in streams]


def bytes_of(lines: list[LogLine]) -> bytes:
    return b"".join(line.data if line.partial else line.data + b"\n" for line in lines)


def ended(data: bytes) -> bytes:
    return data if not data or data.endswith(b"\n") else data + b"\n"


output = st.lists(
    st.sampled_from([b"\n", b"\r", b"\x1b[1m", b"\xff\x00", b"word ", b"y" * 300]) | st.binary(max_size=9)
)
writes = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), output.map(b"".join)), max_size=12)
jobs = st.lists(writes, min_size=1, max_size=4)


async def run_job(recorded: Recorded, steps: list[list[tuple[Any, bytes]]]) -> LogSummary:
    for index, written in enumerate(steps):
        recorded.log.begin_step(index)
        for stream, data in written:
            recorded.log.write(stream, data)
    return recorded.log.close()


@given(jobs)
@settings(max_examples=150, deadline=None)
async def test_every_byte_is_in_the_log_of_its_step_and_stream(steps: list[list[tuple[Any, bytes]]]) -> None:
    with TemporaryDirectory() as text:
        recorded = Recorded(Path(text))
        summary = await run_job(recorded, steps)
        chunks = recorded.chunks()

    check_numbers(chunks, summary)
    for index, written in enumerate(steps):
        for stream in ("stdout", "stderr"):
            expected = ended(b"".join(data for name, data in written if name == stream))
            assert bytes_of(lines_of(chunks, stream, step=index)) == expected
    assert summary.bytes == sum(len(data) for written in steps for _, data in written)
    assert summary.dropped_bytes == 0


@given(jobs, st.integers(0, 2000))
@settings(max_examples=150, deadline=None)
async def test_what_is_over_the_limit_is_counted_and_said(steps: list[list[tuple[Any, bytes]]], limit: int) -> None:
    total = sum(len(data) for written in steps for _, data in written)
    with TemporaryDirectory() as text:
        recorded = Recorded(Path(text), limit)
        summary = await run_job(recorded, steps)
        chunks = recorded.chunks()

    check_numbers(chunks, summary)
    assert (summary.bytes, summary.dropped_bytes) == (min(total, limit), max(0, total - limit))
    said = [line.data for line in lines_of(chunks, "system")]
    expected = f"The log limit of {limit} bytes is reached: further output of this job is not kept.".encode()
    assert said == ([expected] if total > limit else [])


async def test_streams_stay_in_the_order_in_which_they_arrived(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for number in range(100):
        recorded.log.write("stderr" if number % 3 else "stdout", f"{number}\n".encode())
    recorded.log.close()

    assert [int(line.data) for line in lines_of(recorded.chunks(), "stdout", "stderr")] == list(range(100))


async def test_no_chunk_outgrows_what_one_message_may_hold(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, 1 << 30)
    for data in (b"x" * 500_000, b"\n" * 50_000, b"ab\n" * 30_000):
        for at in range(0, len(data), 65536):
            recorded.log.write("stdout", data[at : at + 65536])
    recorded.log.close()

    sizes = [sum(len(line.data) for line in chunk.lines) for chunk in recorded.chunks()]
    assert max(sizes) < 2 * CHUNK_BYTES
    assert sum(sizes) == 500_000 + 2 * 30_000


async def test_text_of_the_agents_own_is_lines_of_its_own(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.log.system("one\ntwo \ud800")
    recorded.log.close()

    assert [line.data for line in lines_of(recorded.chunks(), "system")] == [b"one", b"two ?"]


async def test_disk_that_takes_no_more_is_said_once_and_what_it_costs_is_counted(tmp_path: Path) -> None:
    full: list[str] = []
    # A spool without a directory: the first segment can't be opened.
    spool = LogSpool(tmp_path / "gone" / "spool", "us-east-1/job/1", 3)
    log = JobLog(spool, 1 << 30, lambda: 1, SpoolStore(tmp_path, MEBIBYTE), full.append)
    for _ in range(5):
        log.write("stdout", b"x" * 100_000)
    summary = log.close()

    assert len(full) == 1
    assert "No such file or directory" in full[0]
    assert summary.bytes + summary.dropped_bytes == 500_000
    assert summary.bytes == 0


async def test_reader_is_told_to_wait_when_the_attempts_share_is_used_up(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, 1 << 30)
    assert recorded.log.has_room()
    for _ in range(20):
        recorded.log.write("stdout", b"x" * 65536)
    assert not recorded.log.has_room()

    sent = list(iter(recorded.spool.next_frame, None))
    recorded.store.acknowledge(recorded.spool.attempt_key, len(sent))
    await recorded.log.wait_for_room()
    assert recorded.log.has_room()
