"""A region is lost with 300 runs in flight and comes back; another is evacuated on purpose. Nothing is lost or doubled.

The home region is the one that is lost: every push, of whatever region, is accepted by its part of the log.
"""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from core.eventlog.envelope import EventEnvelope
from core.ids import region_of_run
from tests.support.platform import Json, Repository
from tests.support.regional_platform import REGIONS, RegionalPlatform
from tests.support.servers import scratch_directory
from tests.support.witness import Witness

LOST, ENTRANCE, THIRD = "us-east", "eu-west", "ap-south"
RUNS_PER_REGION = 100
PINNED_RUNS = 4
LIGHT = "stages: [{{name: build, {pool} retry: {{max: 3, on: [agent_lost]}}, steps: [{{run: '{script}; sleep 1'}}]}}]\n"
WAITS_AT_HOME = "pool default in us-east is evacuated: the pipeline names this region, so the job waits for it"


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with Witness() as seeing:
        yield seeing


@pytest.fixture(scope="module")
def platform() -> Iterator[RegionalPlatform]:
    with scratch_directory() as folder, RegionalPlatform(folder, ENTRANCE, agent_slots=4) as running:
        for region in REGIONS:
            others = [f"{other}/default" for other in REGIONS if other != region]
            set_ = running.sealane("regions", "fallback", region, *others, "--after", "3")
            assert set_.returncode == 0, set_.stderr
        yield running


def make_app(platform: RegionalPlatform, name: str, region: str, pipeline: str) -> Repository:
    created = platform.post("/apps", {"name": name, "region": region})
    assert created.status_code == 201, created.text
    return platform.repository(name, pipeline)


def push(repository: Repository, prefix: str, count: int) -> "subprocess.Popen[bytes]":
    """That many branches at once; git ends when all their runs have."""
    branches = [f"main:refs/heads/{prefix}-{number}" for number in range(count)]
    command = ("git", "push", "--quiet", "sealane", *branches)
    return subprocess.Popen(command, cwd=repository.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def push_until_it_is_taken(repository: Repository) -> None:
    """A person pushes again until git says that it was taken."""
    deadline = time.monotonic() + 90
    while True:
        attempt = push(repository, "after", 1)
        try:
            if attempt.wait(20) == 0:
                return
        except subprocess.TimeoutExpired:
            attempt.kill()
            attempt.wait()
        assert time.monotonic() < deadline, "no push is accepted any more"


def wait_for_runs(platform: RegionalPlatform, counts: dict[str, int], state: str, seconds: float) -> None:
    """Until the apps have that many runs, each in `state` (any, if empty)."""

    def met() -> bool:
        runs = {app: platform.all_runs(app) for app in counts}
        return all(
            len(found) >= counts[app] and all(not state or run["state"] == state for run in found)
            for app, found in runs.items()
        )

    def told() -> str:
        return json.dumps({app: Counter(run["state"] for run in platform.all_runs(app)) for app in counts})

    platform.wait(met, seconds, told)


@pytest.mark.timeout(600)
def test_lost_region_costs_seconds_and_no_run(platform: RegionalPlatform, witness: Witness) -> None:
    light, pinned = (LIGHT.format(script=witness.script, pool=pool) for pool in ("", f"pool: {LOST}/default,"))
    repositories = {region: make_app(platform, f"of-{region}", region, light) for region in REGIONS}
    stays = make_app(platform, "of-pinned", LOST, pinned)
    later = make_app(platform, "later", THIRD, light)
    pushes = [push(repository, "b", RUNS_PER_REGION) for repository in repositories.values()]
    expected = {f"of-{region}": RUNS_PER_REGION for region in REGIONS}
    wait_for_runs(platform, expected, "", 120)
    witness.wait_for_more(5, 60)

    lost_at, began = datetime.now(UTC), time.monotonic()
    platform.lose(LOST)
    push_until_it_is_taken(later)
    unfinished = {app: sum(run["state"] != "finished" for run in platform.all_runs(app)) for app in expected}
    assert all(unfinished.values()), f"ended before the region was lost: {unfinished}"
    pushes.append(push(stays, "b", PINNED_RUNS))

    expected |= {"later": 1}
    wait_for_runs(platform, expected, "finished", 240)
    ended = time.monotonic() - began
    expected |= {"of-pinned": PINNED_RUNS}
    wait_for_runs(platform, {"of-pinned": PINNED_RUNS}, "", 60)
    check_pinned_runs_wait(platform)
    lost = platform.region(LOST)
    assert (lost["state"], lost["brokers"], lost["led_here"], lost["agents"]) == ("lost", [], 0, 0)
    assert lost["led_elsewhere"] == lost["partitions"]
    assert lost["evacuated_reason"] == "no-agents"

    bring_back(platform)
    wait_for_runs(platform, {"of-pinned": PINNED_RUNS}, "finished", 120)
    for process in pushes:
        process.wait(60)

    for app, count in expected.items():
        runs = platform.all_runs(app)
        assert [run["outcome"] for run in runs] == ["success"] * count
        assert len({run["ref"] for run in runs}) == count
    assert {job: seen.most_alive for job, seen in witness.jobs.items() if seen.most_alive > 1} == {}
    assert len(witness.jobs) == sum(expected.values())
    report(platform, lost_at, ended)


def check_pinned_runs_wait(platform: RegionalPlatform) -> None:
    """Their jobs may not leave the region, and say so."""
    found: list[tuple[str, str, str]] = []

    def wait_at_home() -> bool:
        documents = [platform.get(f"/runs/{run['id']}") for run in platform.all_runs("of-pinned")]
        jobs = [job for document in documents for stage in document["stages"] for job in stage["jobs"]]
        found[:] = [(job["state"], job["region"], job["reason"]) for job in jobs]
        return found == [("queued", LOST, WAITS_AT_HOME)] * PINNED_RUNS

    platform.wait(wait_at_home, 60, lambda: str(found))


def bring_back(platform: RegionalPlatform) -> None:
    """Leaders and agents take over again, by themselves."""
    platform.bring_back(LOST)

    def serves() -> bool:
        region = platform.region(LOST)
        home = region["led_here"] == region["partitions"] and region["in_sync"] == region["replicas"]
        return bool(home and region["agents"] and region["state"] == "serving")

    platform.wait(serves, 120, lambda: json.dumps(platform.region(LOST), indent=1))


def report(platform: RegionalPlatform, lost_at: datetime, ended: float) -> None:
    """Checks the log as a whole and prints how long what took."""
    log = platform.check_log()
    moved = log.of_type("queue.job_moved")
    assert moved
    runs = [event for event in log.events if event.stream.startswith("run/") and event.recorded_at > lost_at]
    by_region: dict[str, list[EventEnvelope]] = {region: [] for region in REGIONS}
    for event in sorted(runs, key=lambda event: event.recorded_at):
        by_region[region_of_run(event.stream.removeprefix("run/"))].append(event)
    (accepted,) = (event for event in log.of_type("trigger.accepted") if event.stream == "app/later")
    first = {region: (events[0].recorded_at - lost_at).total_seconds() for region, events in by_region.items()}
    pauses = {region: longest_pause(events, lost_at) for region, events in by_region.items() if region != LOST}
    print(
        f"\nregion loss, with all its processes, {RUNS_PER_REGION * len(REGIONS)} runs in flight:"
        f"\n  first push accepted elsewhere   {(accepted.recorded_at - lost_at).total_seconds():6.1f} s"
        f"\n  first decision for its runs     {first[LOST]:6.1f} s"
        f"\n  longest pause of other regions  {max(pauses.values()):6.1f} s"
        f"\n  all runs ended                  {ended:6.1f} s"
        f"\n  jobs that moved                 {len(moved):6d}"
    )


def longest_pause(events: list[EventEnvelope], since: datetime) -> float:
    times = [since, *(event.recorded_at for event in events)]
    return max((after - before).total_seconds() for before, after in pairwise(times))


@pytest.mark.timeout(600)
def test_region_evacuated_on_purpose_loses_no_running_job(platform: RegionalPlatform, witness: Witness) -> None:
    """What runs ends where it is, what waits goes elsewhere, and nothing is tried twice."""
    slow = LIGHT.format(script=witness.script, pool="").replace("sleep 1", "sleep 6")
    repository = make_app(platform, "evacuated", THIRD, slow)
    seen = witness.attempts
    pushed = push(repository, "b", 12)
    witness.wait_for_more(4, 120)

    evacuated = platform.sealane("regions", "evacuate", THIRD, "--json")
    assert evacuated.returncode == 0, evacuated.stderr
    assert json.loads(evacuated.stdout)["leaders"] == 0
    wait_for_runs(platform, {"evacuated": 12}, "finished", 180)
    pushed.wait(60)
    regions = Counter(job_of(platform, run["id"])["region"] for run in platform.all_runs("evacuated"))
    assert {run["outcome"] for run in platform.all_runs("evacuated")} == {"success"}
    assert witness.attempts - seen == 12, "a running job was lost, and tried again"
    assert regions[THIRD] >= 4
    assert regions[THIRD] < 12
    assert platform.region(THIRD)["state"] == "evacuated"

    restored = platform.sealane("regions", "restore", THIRD, "--json")
    assert restored.returncode == 0, restored.stderr

    def home_again() -> bool:
        region = platform.region(THIRD)
        return bool(region["led_here"] == region["partitions"] and region["state"] == "serving")

    platform.wait(home_again, 60, lambda: json.dumps(platform.region(THIRD), indent=1))
    push(repository, "again", 1).wait(120)
    (newest, *_) = platform.all_runs("evacuated")
    assert job_of(platform, newest["id"])["region"] == THIRD
    platform.check_log()


def job_of(platform: RegionalPlatform, run: str) -> Json:
    ((job,),) = [stage["jobs"] for stage in platform.get(f"/runs/{run}")["stages"]]
    found: Json = job
    return found
