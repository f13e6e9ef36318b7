"""Kills one process after the other while 200 runs are under way: no run, no job and no log line is lost or doubled."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.support.platform import Json, Platform, Repository
from tests.support.servers import scratch_directory
from tests.support.witness import Witness

APPS = 10
BRANCHES = 20
LATE_BRANCHES = 5
LINES = 50
# Waits in vain for another word of the witness: a `sleep` after each line would be 24,000 processes.
PAUSE = "read -rt 0.1 nothing <&3 || true"
# Longer than the broker waits for a silent member of a group, so its partitions are somebody else's when it wakes up.
ZOMBIE_SECONDS = 9.0
VICTIMS = ("processor 1", "gateway", "processor 2", "worker", "agent us-east", "kafka", "postgres")

PIPELINE = """
stages:
  - name: first
    retry: {{max: 3, on: [agent_lost]}}
    steps: [{{run: '{script}; for i in $(seq 1 {lines}); do echo "line $i"; {pause}; done'}}]
  - name: second
    needs: [first]
    retry: {{max: 3, on: [agent_lost]}}
    steps: [{{run: '{script}; for i in $(seq 1 {lines}); do echo "line $i"; {pause}; done'}}]
"""


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with Witness() as seeing:
        yield seeing


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Two processors, and agents with room for many jobs, so that every fault meets running ones."""
    with scratch_directory() as folder, Platform(folder, processors=2, agent_slots=6) as running:
        yield running


@pytest.mark.timeout(900)
def test_killing_every_process_in_turn_loses_nothing(platform: Platform, witness: Witness) -> None:
    pipeline = PIPELINE.format(script=witness.script, pause=PAUSE, lines=LINES)
    repositories = [platform.repository(f"burst-{number}", pipeline) for number in range(APPS)]
    late = platform.repository("late", pipeline)
    regions = ("us-east", "eu-west", "ap-south")
    for number, repository in enumerate([*repositories, late]):
        created = platform.post("/apps", {"name": repository.folder.name, "region": regions[number % 3]})
        assert created.status_code == 201, created.text
    pushes = [start_push(repository, BRANCHES, "b") for repository in repositories]
    began = time.monotonic()
    witness.wait_for_more(20, 120)
    for victim in VICTIMS:
        print(f"{time.monotonic() - began:.0f} s, {witness.attempts} attempts began: kill {victim}", flush=True)
        platform.kill(victim)
        pushed(late, f"{victim.replace(' ', '-')}-")
    assert witness.attempts < 2 * APPS * BRANCHES, "all had ended before the last fault"
    freeze(platform, "processor 1", lambda: pushed(late, "zombie-"))
    for push in pushes:
        push.wait(300)
    expected = {f"burst-{number}": BRANCHES for number in range(APPS)} | {"late": LATE_BRANCHES * (len(VICTIMS) + 1)}
    for app, count in expected.items():
        check_runs(platform, app, count)
    assert {job: seen.most_alive for job, seen in witness.jobs.items() if seen.most_alive > 1} == {}
    assert len(witness.jobs) == 2 * sum(expected.values())
    replayed = platform.sealane("replay", "--json")
    assert json.loads(replayed.stdout)["faults"] == []


def branches(count: int, prefix: str) -> list[str]:
    return [f"main:refs/heads/{prefix}{number}" for number in range(count)]


def start_push(repository: Repository, count: int, prefix: str) -> "subprocess.Popen[bytes]":
    command = ("git", "push", "--quiet", "sealane", *branches(count, prefix))
    return subprocess.Popen(command, cwd=repository.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pushed(repository: Repository, prefix: str) -> None:
    """A person pushes again until git says that it was taken."""

    def taken() -> bool:
        command = ("git", "push", "--quiet", "sealane", *branches(LATE_BRANCHES, prefix))
        try:
            done = subprocess.run(command, cwd=repository.folder, capture_output=True, check=False, timeout=5)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    Platform.wait(taken, 90, lambda: f"the push of {prefix} is never taken")


def freeze(platform: Platform, role: str, meanwhile: Callable[[], None]) -> None:
    """SIGSTOP until others took its work over, then SIGCONT: a zombie that believes it still owns it."""
    pid = platform.pid(role)
    os.kill(pid, signal.SIGSTOP)
    try:
        subprocess.run(("sleep", str(ZOMBIE_SECONDS)), check=True)
        meanwhile()
    finally:
        os.kill(pid, signal.SIGCONT)


def check_runs(platform: Platform, app: str, count: int) -> None:
    """One run for each branch that was pushed, each ended well, each job's log whole."""
    runs: list[Json] = []

    def ended() -> bool:
        runs[:] = all_runs(platform, app)
        return len(runs) >= count and all(run["state"] == "finished" for run in runs)

    platform.wait(ended, 300, lambda: json.dumps(Counter(run["state"] for run in runs)))
    assert Counter(run["ref"] for run in runs).most_common(1)[0][1] == 1
    assert len(runs) == count
    for run in runs:
        assert run["outcome"] == "success", platform.sealane("show", run["id"]).stdout
        for job in ("first", "second"):
            log = platform.log(run, job)
            lines = [line for line in log.splitlines() if line.startswith("line ")]
            assert lines == [f"line {number}" for number in range(1, LINES + 1)], f"{run['id']} {job}: {log}"


def all_runs(platform: Platform, app: str) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while True:
        page = platform.get("/runs", app=app, limit=100, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found
