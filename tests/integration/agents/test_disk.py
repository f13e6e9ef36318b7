"""Disks that are full, damaged or can't be written. Small disks are tmpfs mounts, which only root may make."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.agents.rig import AgentProcess, Rig

DISKS = ("tmpfs",) if os.geteuid() == 0 else ()
MEBIBYTE = 1 << 20
MakeDisk = Callable[[Path, str], None]
WAIT_FOR_GO = "until [ -e go ]; do sleep 0.05; done"


@pytest.fixture(params=DISKS)
def make_disk() -> Iterator[MakeDisk]:
    """Mounts a disk of a size (with other options, if need be) on a path."""
    made: list[Path] = []

    def mount(path: Path, options: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(("mount", "-t", "tmpfs", "-o", options, "sealane-test", path), check=True)
        made.append(path)

    yield mount
    for path in made:
        subprocess.run(("umount", "--lazy", path), check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    assert shutil.disk_usage(folder).free == 0
    return ballast


def let_go(agent: AgentProcess) -> None:
    (workspace,) = (agent.data_dir / "jobs").glob("*/workspace")
    (workspace / "go").touch()


def test_disk_that_fills_up_under_the_spool_ends_the_job_and_says_so(rig: Rig, make_disk: MakeDisk) -> None:
    spool = rig.folder / "agent" / "spool"
    make_disk(spool, f"size={80 * MEBIBYTE}")
    agent = rig.agent()
    attempt = rig.job(f"echo ready; {WAIT_FOR_GO}; seq 1000000; sleep 3600", "echo never")
    attempt.wait_for_output("ready")
    fill(spool)
    let_go(agent)

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("error", "spool-full")
    assert "no room to keep the job's log" in end.detail
    assert "the disk is full" in end.detail
    assert end.log.dropped_bytes > 0
    assert attempt.chunks()[-1].last
    assert attempt.chunks()[-1].dropped_bytes == end.log.dropped_bytes
    assert b"never" not in attempt.data("stdout")


def test_agent_with_too_little_room_for_reports_takes_no_job_until_there_is_some(rig: Rig, make_disk: MakeDisk) -> None:
    spool = rig.folder / "agent" / "spool"
    make_disk(spool, f"size={80 * MEBIBYTE}")
    ballast = fill(spool)
    rig.agent()
    attempt = rig.job("echo hi")
    rig.wait(lambda: rig.count("lease.returned") == 1)

    assert b"disk-full: 0 MiB are free for reports in" in bytes(rig.events("lease.returned")[0].data)
    ballast.unlink()
    rig.clock.skip(61)
    assert attempt.finished().outcome == "success"


def test_agent_whose_workspaces_can_not_be_written_takes_no_job(rig: Rig, make_disk: MakeDisk) -> None:
    jobs = rig.folder / "agent" / "jobs"
    make_disk(jobs, f"size={80 * MEBIBYTE},ro")
    rig.agent()
    rig.job("echo hi")
    rig.wait(lambda: rig.count("lease.returned") == 1)

    assert b"disk-unusable: workspaces in" in bytes(rig.events("lease.returned")[0].data)


def test_disk_that_fills_up_under_the_workspace_is_the_jobs_to_see(rig: Rig, make_disk: MakeDisk) -> None:
    make_disk(rig.folder / "agent" / "jobs", f"size={80 * MEBIBYTE}")
    rig.agent()
    attempt = rig.job("head -c 100000000 /dev/zero > big", "echo never")

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "failure")
    assert "No space left on device" in attempt.data("stderr").decode()


def test_disk_that_is_full_between_two_steps_fails_the_second_by_name(rig: Rig, make_disk: MakeDisk) -> None:
    make_disk(rig.folder / "agent" / "jobs", f"size={80 * MEBIBYTE}")
    agent = rig.agent()
    attempt = rig.job("head -c 100000000 /dev/zero > big || true", "echo never")

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "setup-failed")
    assert "No space left on device" in end.detail
    rig.wait(lambda: not list((agent.data_dir / "jobs").iterdir()), agent.output)


def test_reports_damaged_on_the_disk_cost_the_attempt_and_not_the_agent(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job(f'echo ready; [ "$ATTEMPT" = 2 ] || {WAIT_FOR_GO}; echo more')
    attempt.wait_for_output("ready")
    rig.stop_hub()
    let_go(agent)
    rig.wait(lambda: not list((agent.data_dir / "jobs").iterdir()))
    (segment,) = (agent.data_dir / "spool").glob("*/*.seg")
    damage(segment)
    rig.start_hub()

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("error", "agent-lost")
    assert "can't be read back" in agent.output()
    assert attempt.retry().finished().outcome == "success"


def damage(segment: Path) -> None:
    data = bytearray(segment.read_bytes())
    data[-10] ^= 0xFF
    segment.write_bytes(data)


@pytest.mark.parametrize(("name", "words"), [("", "File exists"), ("below", "Not a directory")])
def test_data_directory_that_can_not_be_made_ends_the_agent_with_its_path(rig: Rig, name: str, words: str) -> None:
    file = rig.folder / "file"
    file.touch()
    agent = rig.start_agent(data_dir=str(file / name))

    assert agent.exit_code() == 6
    assert f"the data directory {file / name} can't be used: {words}" in agent.output()
    assert "Traceback" not in agent.output()


def test_id_that_can_not_be_kept_ends_the_agent_with_its_path(rig: Rig) -> None:
    (rig.folder / "agent" / "agent-id").mkdir(parents=True)
    agent = rig.start_agent(name="")

    assert agent.exit_code() == 6
    assert "the agent's id can't be kept in" in agent.output()


def test_id_that_was_lost_with_the_power_is_made_anew(rig: Rig) -> None:
    (rig.folder / "agent").mkdir()
    (rig.folder / "agent" / "agent-id").touch()
    agent = rig.agent(name="")

    assert (agent.data_dir / "agent-id").read_text()
