"""All spools of an agent: taken in turns, within the hub's window, and taken up again by the next process."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.job_verdict import Verdict
from agents.log_spool import LogSpool
from agents.reports import Reports
from agents.spool_store import SpoolDamaged, SpoolStore
from core.protocol.messages import JobFinished, StepStarted, decode_agent_message
from core.runs.spec import LogSummary

WINDOW = 1 << 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(spool: LogSpool, *frames: bytes) -> None:
    for frame in frames:
        spool.append(lambda _, frame=frame: frame)  # type: ignore[misc]


def report(store: SpoolStore, attempt_key: str, finish: bool) -> None:
    reports = Reports(store.create(attempt_key, 5), lambda: NOW, store.written)
    reports.step_started(0)
    if finish:
        reports.job_finished(Verdict(), (), {}, LogSummary())


def damage(folder: Path) -> None:
    (segment,) = folder.glob("*/*.seg")
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")


async def test_attempts_are_sent_in_turns_however_much_one_has_to_say(tmp_path: Path) -> None:
    store = SpoolStore(tmp_path, WINDOW)
    write(store.create("loud", 1), *[b"L%d" % n for n in range(6)])
    write(store.create("quiet", 1), b"q0", b"q1")

    sent = [await store.next_frame(WINDOW) for _ in range(8)]

    assert sent == [b"L0", b"q0", b"L1", b"q1", b"L2", b"L3", b"L4", b"L5"]


async def test_no_more_is_on_its_way_than_the_window_allows(tmp_path: Path) -> None:
    store = SpoolStore(tmp_path, WINDOW)
    write(store.create("run/job/1", 1), b"a" * 60, b"b" * 60, b"c" * 60)
    assert [await store.next_frame(100) for _ in range(2)] == [b"a" * 60, b"b" * 60]

    third = asyncio.ensure_future(store.next_frame(100))
    await asyncio.sleep(0)
    assert not third.done()
    store.acknowledge("run/job/1", 1)

    assert await third == b"c" * 60


async def test_next_process_reports_what_ended_and_forgets_what_did_not(tmp_path: Path) -> None:
    store = SpoolStore(tmp_path, WINDOW)
    report(store, "run/ended/1", finish=True)
    report(store, "run/running/1", finish=False)

    after = SpoolStore(tmp_path, WINDOW)
    after.recover()

    assert after.finished() == {"run/ended/1": 5}
    kinds = [type(decode_agent_message(await after.next_frame(WINDOW))) for _ in range(2)]
    assert kinds == [StepStarted, JobFinished]
    assert len(os.listdir(tmp_path)) == 1
    after.acknowledge("run/ended/1", 2)
    assert after.empty
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("rubbish", [b"", b"\x00" * 50, b"\xff" * 50])
def test_rubbish_in_the_folder_of_the_spools_is_cleared_away(tmp_path: Path, rubbish: bytes) -> None:
    folder = tmp_path / "spool" / "abc"
    folder.mkdir(parents=True)
    (folder / "00000000000000000001.seg").write_bytes(rubbish)
    (folder / "not-a-number.seg").write_bytes(rubbish)
    store = SpoolStore(tmp_path / "spool", WINDOW)
    store.recover()

    assert store.empty
    assert not folder.exists()


async def test_damaged_reports_name_their_attempt(tmp_path: Path) -> None:
    store = SpoolStore(tmp_path, WINDOW)
    write(store.create("run/job/1", 1), b"some frame")
    damage(tmp_path)

    with pytest.raises(SpoolDamaged, match="the reports of run/job/1 can't be read back") as damaged:
        await store.next_frame(WINDOW)
    store.discard(damaged.value.attempt_key)
    assert store.empty
