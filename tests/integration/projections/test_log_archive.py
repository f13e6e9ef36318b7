"""The log archive: every chunk exactly once in the object store, or a gap on record, whatever dies when."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.eventlog.topics import LOGS_TOPIC
from core.ports import OutgoingRecord
from core.protocol.logs import LogChunk, LogLine, encode_chunk
from core.protocol.segments import decode_segment
from infra.embedded import postgres
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.objects.filesystem import FilesystemObjects, ObjectStoreUnavailable
from projections.log_archive import SEGMENT_BYTES, LogArchiver
from projections.rebuild import Place
from tests.integration.projections.conftest import NewPlace, count, place_in
from tests.support.histories import new_log
from tests.support.servers import scratch_directory

KEY = "us-east-0123456789abcdef/build/1"


class Killed(BaseException):
    """Ends the archiver as a crash would."""


class FragileObjects(FilesystemObjects):
    """A store during whose `die_at`th write the process dies: before it, or after it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.die_at: tuple[int, str] | None = None
        self.writes = 0

    def put(self, key: str, data: bytes) -> None:
        self.writes += 1
        if self.die_at == (self.writes, "before"):
            raise Killed
        super().put(key, data)
        if self.die_at == (self.writes, "after"):
            raise Killed


class Archive:
    """An archiver that can be killed and started again over one log, one database, one store."""

    def __init__(self, log: MemoryLog, place: Place, root: Path) -> None:
        self.log = log
        self.place = place
        self.objects = FragileObjects(root)
        self.connection: psycopg.Connection[tuple[Any, ...]]
        self.start()

    def start(self) -> None:
        connect = self.place.connect(self.place.schema)
        self.connection = connect()
        self.consumer = MemoryGroupConsumer(self.log, "archive")
        self.archiver = LogArchiver(lambda: self.consumer, connect, self.objects)
        archiver = self.archiver
        self.consumer.subscribe((LOGS_TOPIC,), lambda _: None, archiver._forget, archiver._forget)

    def kill(self) -> None:
        self.connection.close()
        self.consumer.close()

    def run(self) -> None:
        while self.archiver.step(self.consumer, self.connection, 0):
            pass

    def write(self, *chunks: LogChunk) -> None:
        with self.log.call("agent", "write"):
            for chunk in chunks:
                self.log.append(OutgoingRecord(LOGS_TOPIC, 0, KEY.encode(), encode_chunk(chunk)))

    def archived(self, key: str = KEY) -> list[int]:
        """The numbers of the chunks in the store, in the order of the index."""
        with self.place.connect(self.place.schema)() as connection:
            rows = connection.execute(
                "SELECT object_key, first_seq, last_seq FROM log_segments WHERE attempt_key = %s ORDER BY first_seq",
                (key,),
            ).fetchall()
        found: list[int] = []
        for object_key, first, last in rows:
            chunks = [chunk.seq for chunk in decode_segment(self.objects.get(object_key))]
            assert chunks == list(range(first, last + 1))
            found += chunks
        return found


def chunk(seq: int, last: bool = False, key: str = KEY, size: int = 10) -> LogChunk:
    lines = (LogLine(1, "stdout", b"x" * size),)
    return LogChunk(attempt_key=key, epoch=1, seq=seq, first_line=seq, step=0, lines=lines, last=last)


@pytest.fixture
def archive(new_place: NewPlace, tmp_path: Path) -> Archive:
    log = new_log()
    return Archive(log, new_place(log), tmp_path)


def test_what_is_committed_outlives_a_killed_postgres(tmp_path: Path) -> None:
    log = new_log()
    with scratch_directory() as folder:
        server = postgres.start(folder)
        archive = Archive(log, place_in(server.dsn, log), tmp_path)
        archive.write(chunk(0), chunk(1))
        archive.run()
        archive.archiver._close_segments(archive.connection, everything=True)
        archive.archiver._commit(archive.consumer)
        server.kill()
        archive.kill()

        server = postgres.start(folder)
        archive.place = place_in(server.dsn, log)
        archive.start()
        archive.write(chunk(2, last=True))
        archive.run()

        assert archive.archived() == [0, 1, 2]
        archive.kill()
        server.kill()


def test_finished_log_is_archived_whole_and_its_offset_committed(archive: Archive) -> None:
    archive.write(*(chunk(n) for n in range(5)), chunk(5, last=True))
    archive.run()
    assert archive.archived() == list(range(6))
    archive.kill()
    archive.start()
    assert archive.archiver.step(archive.consumer, archive.connection, 0) == 0


def test_unarchived_chunks_are_read_again_after_a_kill(archive: Archive) -> None:
    archive.write(chunk(0), chunk(1))
    archive.run()
    assert archive.archived() == []
    archive.kill()
    archive.start()
    archive.write(chunk(2, last=True))
    archive.run()
    assert archive.archived() == [0, 1, 2]


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_kill_around_a_write_loses_and_doubles_nothing(archive: Archive, write: int, phase: str) -> None:
    size = SEGMENT_BYTES // 2 + 1
    archive.objects.die_at = (write, phase)
    archive.write(*(chunk(n, size=size) for n in range(5)), chunk(5, last=True))
    with pytest.raises(Killed):
        archive.run()
    archive.kill()
    archive.start()
    archive.run()
    assert archive.archived() == list(range(6))


def test_repeated_chunks_are_dropped(archive: Archive) -> None:
    archive.write(chunk(0), chunk(1), chunk(1), chunk(0), chunk(2, last=True), chunk(2, last=True))
    archive.run()
    assert archive.archived() == [0, 1, 2]
    assert count(archive.place, "log_gaps") == 0


def test_missing_chunks_are_on_record_and_what_follows_is_kept(archive: Archive) -> None:
    archive.write(chunk(0), chunk(1), chunk(5), chunk(6, last=True))
    archive.run()
    assert archive.archived() == [0, 1, 5, 6]
    with archive.place.connect(archive.place.schema)() as connection:
        gaps = connection.execute("SELECT first_seq, last_seq, reason FROM log_gaps").fetchall()
    assert gaps == [(2, 4, "not-received")]


@pytest.mark.parametrize("restarted", [False, True])
def test_chunk_that_comes_after_those_behind_it_fills_its_gap(archive: Archive, restarted: bool) -> None:
    """A write that a broker's restart made fail is repeated by the agent, behind what was written meanwhile."""
    archive.write(chunk(3), chunk(4))
    archive.run()
    if restarted:
        archive.kill()
        archive.start()
    archive.write(chunk(1), chunk(1), chunk(5, last=True))
    archive.run()
    assert archive.archived() == [1, 3, 4, 5]
    with archive.place.connect(archive.place.schema)() as connection:
        gaps = connection.execute("SELECT first_seq, last_seq FROM log_gaps ORDER BY first_seq").fetchall()
    assert gaps == [(0, 0), (2, 2)]
    archive.write(chunk(0), chunk(2))
    archive.run()
    assert archive.archived() == [0, 1, 2, 3, 4, 5]
    assert count(archive.place, "log_gaps") == 0


def test_archiver_that_was_replaced_shortens_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.write(chunk(0), chunk(1))
    archive.run()
    zombie, zombie_connection = archive.archiver, archive.connection
    archive.consumer.close()
    zombie_segments = dict(zombie._open)
    archive.start()
    archive.write(chunk(2), chunk(3, last=True))
    archive.run()
    zombie._open = zombie_segments
    zombie._close_segments(zombie_connection, everything=True)
    assert archive.archived() == [0, 1, 2, 3]
    zombie_connection.close()


def test_logs_of_many_jobs_do_not_wait_for_each_other(archive: Archive) -> None:
    other = "us-east-0123456789abcdef/test/1"
    archive.write(chunk(0, key=other), chunk(0), chunk(1, last=True))
    archive.run()
    assert archive.archived() == [0, 1]
    archive.kill()
    archive.start()
    archive.write(chunk(1, key=other, last=True))
    archive.run()
    assert archive.archived(other) == [0, 1]
    assert archive.archived() == [0, 1]


def test_store_that_cannot_be_written_names_the_path(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    archive.write(chunk(0, last=True))
    with pytest.raises(ObjectStoreUnavailable, match=str(tmp_path / "logs")):
        archive.run()
