"""Processes that outlive whoever started them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.targets.detached import Busy, Detached

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Detached]:
    made = Detached(tmp_path / "process")
    yield made
    made.kill()


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def run(process: Detached, script: str) -> None:
    process.start(("/bin/sh", "-c", script), ENVIRONMENT, Path("/"))


def test_it_is_found_by_others_and_leads_its_own_session(process: Detached) -> None:
    run(process, "echo hello; exec sleep 60")
    until(lambda: process.pid and "hello" in process.tail())

    found = Detached(process.place).pid
    assert found == process.pid
    assert found is not None
    assert os.getsid(found.number) == found.number != os.getsid(0)


def test_it_runs_from_the_moment_it_was_started(tmp_path: Path) -> None:
    for number in range(40):
        process = Detached(tmp_path / str(number))
        run(process, "exec sleep 60")
        try:
            while process.pid is None:
                assert process.runs
        finally:
            process.kill()
        assert not process.runs


def test_there_is_only_one_in_a_place(process: Detached) -> None:
    run(process, "exec sleep 60")

    with pytest.raises(Busy):
        run(Detached(process.place), "exec sleep 60")


def test_it_is_gone_once_it_has_ended(process: Detached) -> None:
    run(process, "exit 3")

    until(lambda: not process.runs)
    run(process, "exec sleep 60")
    until(lambda: process.pid)


def test_killing_takes_all_of_its_session(process: Detached, tmp_path: Path) -> None:
    file = tmp_path / "child"
    run(process, f"sleep 60 & echo $! > {file}; wait")
    until(lambda: file.exists() and file.read_text().strip())
    child = int(file.read_text())

    process.kill()

    assert process.pid is None
    until(lambda: not os.path.exists(f"/proc/{child}/exe"))


def test_what_a_dead_leader_left_behind_is_killed_too(process: Detached, tmp_path: Path) -> None:
    file = tmp_path / "child"
    run(process, f"sleep 60 & echo $! > {file}")
    until(lambda: file.exists() and file.read_text().strip() and process.pid is None)
    child = int(file.read_text())

    process.kill()

    until(lambda: not os.path.exists(f"/proc/{child}/exe"))


def test_number_that_belongs_to_another_process_now_is_left_alone(process: Detached) -> None:
    run(process, "exec sleep 60")
    until(lambda: process.pid)
    real = process.pid
    assert real is not None
    file = process.place / "pid"
    fields = file.read_text().split()
    file.write_text(" ".join([*fields[:21], str(int(fields[21]) + 1), *fields[22:]]))

    assert process.pid is None
    process.signal(signal.SIGKILL)
    assert os.path.exists(f"/proc/{real.number}/exe")
    os.killpg(real.number, signal.SIGKILL)


def test_log_that_grows_too_long_is_put_aside_while_it_goes_on(
    process: Detached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.targets.detached.LOG_BYTES", 1000)
    run(process, 'while :; do echo "a line of its output"; sleep 0.002; done')
    until(lambda: process.log.exists() and process.log.stat().st_size > 1000)

    process.shorten_log()

    assert process.log.stat().st_size < 1000
    assert process.log.with_name("log.1").stat().st_size > 1000
    until(lambda: "a line of its output" in process.tail())


def test_its_words_are_kept_and_only_the_last_of_them_shown(process: Detached) -> None:
    run(process, 'for n in $(seq 1000); do echo "line $n"; done')

    until(lambda: "line 1000" in process.tail())
    assert len(process.tail().splitlines()) == 10
