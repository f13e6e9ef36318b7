"""What an attempt has to report survives: a process killed at any byte, a hub lost at any place, a full disk."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.log_spool import LogSpool, SpoolFull

SMALL_SEGMENT = 100
LAST_WORDS = b"last words " * 20


def frame_of(number: int) -> bytes:
    """Of different lengths, and telling which it is."""
    return f"{number}:".encode() + bytes(range(256))[: number * 7 % 60]


def make_spool(folder: Path) -> LogSpool:
    spool = LogSpool(folder / "spool", "run/job/1", 1, SMALL_SEGMENT)
    spool.open()
    return spool


def write(spool: LogSpool, count: int) -> None:
    for _ in range(count):
        spool.append(frame_of)


def read_all(spool: LogSpool) -> list[bytes]:
    return list(iter(spool.next_frame, None))


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("*.seg"))


def cut_at(folder: Path, size: int) -> None:
    """As if the process had been killed when `size` bytes of all that was written were there."""
    for path in segments(folder):
        content = path.read_bytes()
        if size <= 0:
            path.unlink()
        else:
            path.write_bytes(content[:size])
        size -= len(content)


def test_process_killed_at_any_byte_leaves_whole_frames_and_goes_on_after_them() -> None:
    with TemporaryDirectory() as text:
        write(make_spool(Path(text)), 12)
        total = sum(path.stat().st_size for path in segments(Path(text)))
    kept = []
    for size in range(total + 1):
        with TemporaryDirectory() as text:
            folder = Path(text)
            write(make_spool(folder), 12)
            cut_at(folder, size)
            spool = make_spool(folder)
            kept.append(spool.last_number)
            assert read_all(spool) == [frame_of(n) for n in range(1, spool.last_number + 1)]
            spool.append(frame_of)
            assert read_all(spool) == [frame_of(spool.last_number)]
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (0, 12)


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(deadline=None)
def test_damaged_byte_costs_what_follows_it_and_is_never_handed_out(place: int, change: int) -> None:
    with TemporaryDirectory() as text:
        folder = Path(text)
        write(make_spool(folder), 12)
        files = segments(folder)
        content = [path.read_bytes() for path in files]
        at = place % sum(map(len, content))
        for path, data in zip(files, content, strict=True):
            if 0 <= at < len(data):
                path.write_bytes(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
            at -= len(data)

        spool = make_spool(folder)

        assert spool.last_number < 12
        assert read_all(spool) == [frame_of(n) for n in range(1, spool.last_number + 1)]


def test_damage_found_only_when_a_frame_is_sent_is_an_error_and_no_frame(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    write(spool, 1)
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")

    with pytest.raises(OSError, match="frame 1 can't be read back from"):
        spool.next_frame()


@given(st.integers(0, 20), st.integers(0, 20))
@settings(deadline=None)
def test_after_a_reconnect_sending_goes_on_behind_what_was_acknowledged(sent: int, acked: int) -> None:
    with TemporaryDirectory() as text:
        spool = make_spool(Path(text))
        write(spool, 20)
        for _ in range(sent):
            spool.next_frame()
        spool.acknowledge(acked)
        spool.rewind()

        assert spool.acked == min(sent, acked)
        assert spool.in_flight_bytes == 0
        assert read_all(spool) == [frame_of(n) for n in range(min(sent, acked) + 1, 21)]


@given(st.integers(0, 20))
@settings(deadline=None)
def test_next_process_sends_all_that_may_not_have_arrived(acked: int) -> None:
    with TemporaryDirectory() as text:
        folder = Path(text)
        first = make_spool(folder)
        write(first, 20)
        read_all(first)
        first.acknowledge(acked)

        again = read_all(make_spool(folder))

        needed = [frame_of(n) for n in range(acked + 1, 21)]
        assert again[len(again) - len(needed) :] == needed
        assert again == [frame_of(n) for n in range(21 - len(again), 21)]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The system refuses what goes over it, in the middle of a write, too: as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


class Model:
    """Of a spool: frames up to `acked` are forgotten, those from `in_memory_from` on are not on the disk."""

    def __init__(self) -> None:
        self.acked = self.sent = self.last = 0
        self.in_memory_from: int | None = None

    def acknowledge(self, amount: int) -> int:
        self.acked = max(self.acked, min(self.acked + amount, self.sent))
        if self.acked == self.last:
            self.in_memory_from = None
        return self.acked

    def reopen(self, acked: int, is_empty: bool) -> None:
        """The memory is lost, and what was acknowledged lately may be sent again; if it was all, it may be gone."""
        on_disk = self.last if self.in_memory_from is None else self.in_memory_from - 1
        assert acked <= self.acked
        assert self.acked >= on_disk or not is_empty
        self.last = 0 if is_empty else on_disk
        self.sent = self.acked = acked
        self.in_memory_from = None

    def check(self, spool: LogSpool) -> None:
        assert (spool.last_number, spool.acked, spool.pending) == (self.last, self.acked, self.sent < self.last)
        assert spool.unacked_bytes == sum(len(frame_of(n)) for n in range(self.acked + 1, self.last + 1))
        assert spool.in_flight_bytes == sum(len(frame_of(n)) for n in range(self.acked + 1, self.sent + 1))


def write_on_full_disk(spool: LogSpool, model: Model, count: int) -> None:
    with files_no_larger_than(0):
        for _ in range(count):
            spool.append_last(frame_of)
            model.last += 1
            model.in_memory_from = model.in_memory_from or model.last


def write_on_disk(spool: LogSpool, model: Model, count: int) -> None:
    if model.in_memory_from is not None:
        with pytest.raises(SpoolFull, match="was full before"):
            spool.append(frame_of)
        return
    write(spool, count)
    model.last += count


def send(spool: LogSpool, model: Model, count: int) -> None:
    for _ in range(count):
        assert spool.next_frame() == (frame_of(model.sent + 1) if model.sent < model.last else None)
        model.sent = min(model.sent + 1, model.last)


steps = st.lists(
    st.tuples(st.sampled_from(["append", "full", "send", "ack", "rewind", "reopen"]), st.integers(0, 6)), max_size=30
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_the_frames_are_sent_in_order_and_counted_right(actions: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as text:
        spool, model = make_spool(Path(text)), Model()
        for action, amount in actions:
            if action == "append":
                write_on_disk(spool, model, amount)
            elif action == "full":
                write_on_full_disk(spool, model, amount)
            elif action == "send":
                send(spool, model, amount)
            elif action == "ack":
                spool.acknowledge(model.acknowledge(amount))
            elif action == "rewind":
                spool.rewind()
                model.sent = model.acked
            else:
                spool = make_spool(Path(text))
                model.reopen(spool.acked, spool.last_number == 0)
            model.check(spool)
        send(spool, model, model.last)


def test_acknowledged_segments_leave_the_disk(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    write(spool, 30)
    read_all(spool)
    spool.acknowledge(30)

    assert len(segments(tmp_path)) == 1
    assert spool.unacked_bytes == 0


@pytest.mark.parametrize("size", range(0, 90, 3))
def test_disk_that_is_full_in_mid_frame_keeps_what_was_whole_and_takes_last_words_in_memory(
    tmp_path: Path, size: int
) -> None:
    spool = make_spool(tmp_path)
    with files_no_larger_than(size), pytest.raises(SpoolFull, match="spool: "):
        write(spool, 12)
    whole = spool.last_number
    with files_no_larger_than(size):
        spool.append_last(lambda number: LAST_WORDS)
    with pytest.raises(SpoolFull, match="was full before"):
        spool.append(frame_of)

    frames = read_all(spool)
    assert frames == [*(frame_of(n) for n in range(1, whole + 1)), LAST_WORDS]
    spool.acknowledge(whole)
    spool.rewind()
    assert read_all(spool) == [LAST_WORDS]
    assert make_spool(tmp_path).last_number == whole
    spool.acknowledge(whole + 1)
    spool.finished = True
    assert spool.settled


def test_spool_without_a_directory_still_says_the_last_words(tmp_path: Path) -> None:
    spool = LogSpool(tmp_path / "gone" / "spool", "run/job/1", 1)

    with pytest.raises(SpoolFull, match="No such file or directory"):
        spool.append(frame_of)
    spool.append_last(frame_of)
    assert read_all(spool) == [frame_of(1)]


def test_removed_spool_takes_nothing_and_says_nothing(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    write(spool, 3)
    spool.remove()

    assert spool.append(frame_of) == 3
    assert spool.next_frame() is None
    assert not (tmp_path / "spool").exists()
