"""The deployer of a region, from the deployments' events to its answers, with real targets."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agents.targets.base import Target
from agents.targets.place import Place
from core.deployments import events as d
from core.deployments.target_state import TargetState, TargetStatus
from core.environments.settings import Hook, Probe
from core.eventlog.envelope import Stream
from core.rollouts.commands import ReportHook
from core.rollouts.events import HookRequested
from tests.support.deployer_house import ROLLOUT, DeployerHouse
from tests.support.servers import scratch_directory
from tests.support.target_world import PROCESS, ProcessWorld, by_set, instance_pids, instance_set


@pytest.fixture
def house() -> Iterator[DeployerHouse]:
    with scratch_directory() as root:
        made = DeployerHouse(ProcessWorld(root))
        made.start()
        try:
            yield made
        finally:
            made.close()


def test_action_is_answered_with_what_is_there(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")

    house.action(1, TargetState(sets=(instance_set(v1, 2),)))

    report = house.report(1)
    assert report.ok, report
    assert by_set(report.status) == {"v1": (2, 100)}
    assert report.status.address.startswith("http://127.0.0.1:")


def test_shift_is_told_before_the_rest_is_done(house: DeployerHouse) -> None:
    v1, v2 = house.world.release("v1"), house.world.release("v2")
    house.action(1, TargetState(sets=(instance_set(v1, weight=75), instance_set(v2, 1, 25, "canary"))))
    house.report(1)

    house.action(2, TargetState(sets=(instance_set(v1),), at_once=True))
    house.report(2)

    shifted = [each for each in house.health() if by_weight(each.status) == {"v1": 100, "v2": 0}]
    assert house.answers.index(shifted[0]) < house.answers.index(house.report(2))


def test_newer_action_interrupts_one_that_waits(house: DeployerHouse) -> None:
    v1, never_ready = house.world.release("v1"), house.world.release("v2", BEHAVIOUR="never-ready")
    house.action(1, TargetState(sets=(instance_set(v1),)))
    house.report(1)
    house.action(2, TargetState(sets=(instance_set(v1), instance_set(never_ready, 1, 0, "canary"))))
    house.until(lambda: len(instance_pids(place_of(house))) == 2)

    house.action(3, TargetState(sets=(instance_set(v1),), at_once=True))

    assert by_set(house.report(3).status) == {"v1": (1, 100)}
    assert [each.action for each in house.reports()] == [1, 3]


def test_release_that_never_gets_ready_is_reported_with_its_words(house: DeployerHouse) -> None:
    bad = house.world.release("v1", BEHAVIOUR="never-ready")
    settings = with_health(start_timeout_seconds=4)

    house.action(1, TargetState(sets=(instance_set(bad),)), target=settings)

    report = house.report(1)
    assert (report.ok, report.code) == (False, "not-ready")
    assert "1 of 1 instances were not ready after 4 s; v1-1: GET /healthz answered 503" in report.detail
    assert "listening on" in report.detail


def test_release_that_ends_at_once_is_reported_with_its_words(house: DeployerHouse) -> None:
    bad = house.world.release("v1", BEHAVIOUR="crash")

    house.action(1, TargetState(sets=(instance_set(bad),)))

    report = house.report(1)
    assert (report.ok, report.code) == (False, "crashed")
    assert "this version can't start: no such table" in report.detail


def test_instance_that_ends_later_is_reported_and_started_again(house: DeployerHouse) -> None:
    v1 = house.world.release("v1", BEHAVIOUR="crash-after:2.5")
    house.action(1, TargetState(sets=(instance_set(v1, 2),)))
    assert house.report(1).ok

    house.until(lambda: any(sum(s.restarts for s in each.status.sets) for each in house.health()))
    house.until(lambda: house.health()[-1].status.sets[0].ready == 2)


def test_finished_deployment_hears_nothing_more(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    house.action(1, TargetState(sets=(instance_set(v1),)))
    house.report(1)
    house.until(house.health)
    house.tell(finished(v1.id))
    house.until(lambda: is_over(house))
    before = len(house.answers)

    kill_instances(house)
    house.until(lambda: restarts(house) == 1)

    assert len(house.answers) == before


def test_watched_deployment_goes_on_hearing_until_the_watch_ends(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    house.action(1, TargetState(sets=(instance_set(v1),)))
    house.report(1)
    house.tell(d.WatchStarted(until=datetime.now(UTC) + timedelta(minutes=1)))
    house.tell(finished(v1.id))

    kill_instances(house)

    house.until(lambda: any(sum(s.restarts for s in each.status.sets) for each in house.health()))
    assert not is_over(house)
    house.tell(d.WatchEnded(rollout_id=ROLLOUT, region="us-east", reason="quiet"))
    house.until(lambda: is_over(house))


def test_probes_are_sent_to_each_new_instance(house: DeployerHouse) -> None:
    v1, v2 = house.world.release("v1"), house.world.release("v2")
    wish = TargetState(sets=(instance_set(v1), instance_set(v2, 2, 0, "canary")))
    probe = Probe(name="version", path="/", expect_text='"RELEASE": "v2"', attempts=1)

    house.action(1, wish, probes=(probe,), release_id="v2")

    report = house.report(1)
    assert report.ok
    assert [(each.name, each.ok) for each in report.probes] == [("version", True), ("version", True)]


def test_failed_probe_says_what_came(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    probes = (
        Probe(name="version", path="/", expect_text="v2", attempts=1),
        Probe(name="teapot", path="/", expect_status=418, attempts=1),
    )

    house.action(1, TargetState(sets=(instance_set(v1),)), probes=probes, release_id="v1")

    report = house.report(1)
    assert (report.ok, report.code) == (False, "probe-failed")
    assert 'expected \'v2\' in the answer, got \'{"RELEASE": "v1"' in report.probes[0].detail
    assert "expected status 418, got 200" in report.probes[1].detail


def test_deployment_that_lost_its_lock_is_told(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    house.action(1, TargetState(sets=(instance_set(v1),)), epoch=2)
    house.report(1, epoch=2)

    house.action(9, TargetState(), epoch=1)

    report = house.report(9, epoch=1)
    assert (report.ok, report.code) == (False, "stale-epoch")


def test_deployer_that_was_restarted_goes_on(house: DeployerHouse) -> None:
    v1, v2 = house.world.release("v1"), house.world.release("v2", READY_AFTER="2")
    house.action(1, TargetState(sets=(instance_set(v1),)))
    house.report(1)
    pids = instance_pids(place_of(house))
    house.action(2, TargetState(sets=(instance_set(v1, weight=50), instance_set(v2, 1, 50, "canary"))))
    house.until(lambda: len(instance_pids(place_of(house))) == 2)

    house.stop()
    house.start()

    assert by_set(house.report(2).status) == {"v1": (1, 50), "v2": (1, 50)}
    assert instance_pids(place_of(house))[0] == pids[0]
    assert all(each.restarts == 0 for each in house.report(2).status.sets)


def test_way_back_is_gone_on_with_when_what_was_missing_is_there(house: DeployerHouse) -> None:
    v1, v2 = house.world.packed_release("v1"), house.world.release("v2")
    packed = house.world.objects.get(v1.artifact.location)
    house.world.objects.delete(v1.artifact.location)
    house.action(1, TargetState(sets=(instance_set(v2),)))
    house.report(1)

    house.action(2, TargetState(sets=(instance_set(v1),), at_once=True))
    assert house.report(2).code == "artifact-unavailable"
    assert by_set(target_of(house).status()) == {"v2": (1, 100)}

    house.world.objects.put(v1.artifact.location, packed)
    house.until(lambda: by_set(target_of(house).status()) == {"v1": (1, 100)})


def test_target_whose_order_is_broken_is_no_matter_of_the_others(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    house.action(1, TargetState(sets=(instance_set(v1),)))
    house.report(1)
    broken = place_of(house).parent / "broken"
    broken.mkdir()
    (broken / "wish.json").write_text("{")

    kill_instances(house)

    house.until(lambda: house.health() and house.health()[-1].status.sets[0].restarts == 1)
    house.until(lambda: house.health()[-1].status.sets[0].ready == 1)
    (broken / "wish.json").unlink()
    assert by_set(target_of(house).status()) == {"v1": (1, 100)}


def test_other_regions_are_left_alone(house: DeployerHouse) -> None:
    v1 = house.world.release("v1")
    wish = TargetState(sets=(instance_set(v1),))
    elsewhere = d.ActionRequested(
        app="shop",
        environment="production",
        region="eu-west",
        epoch=1,
        action=1,
        step=0,
        wish=wish,
        target=PROCESS,
        answer_by=datetime.now(UTC) + timedelta(minutes=1),
    )
    house.tell(elsewhere, Stream("deployment", "eu-west-0123456789abcdef"), "eu-west")

    house.action(1, wish)
    house.report(1)

    assert len(house.reports()) == 1
    assert not (house.world.root / "targets" / "eu-west").exists()


def test_hook_runs_once_in_a_copy_of_the_release(house: DeployerHouse) -> None:
    ran = house.world.root / "ran"
    v1 = house.world.release("v1", GREETING="hi")

    hook(house, v1, f'echo "migrating to $(cat version.txt), $GREETING"; echo once >> {ran}')

    answer = hook_answer(house)
    assert (answer.ok, answer.exit_code) == (True, 0)
    assert answer.output == "migrating to v1, hi\n"
    assert ran.read_text() == "once\n"


def test_hook_that_fails_says_how(house: DeployerHouse) -> None:
    hook(house, house.world.release("v1"), "echo relation already exists >&2; exit 7")

    answer = hook_answer(house)
    assert (answer.ok, answer.exit_code) == (False, 7)
    assert answer.output == "relation already exists\n"


def test_hook_that_takes_too_long_is_killed(house: DeployerHouse) -> None:
    pid = house.world.root / "pid"

    hook(house, house.world.release("v1"), f"sleep 100 & echo $! > {pid}; wait", timeout_seconds=1)

    assert "did not end within 1 s" in hook_answer(house).detail
    assert not os.path.exists(f"/proc/{pid.read_text().strip()}/exe")


def test_hook_goes_on_when_the_deployer_is_restarted_and_runs_once(house: DeployerHouse) -> None:
    ran = house.world.root / "ran"
    hook(house, house.world.release("v1"), f"echo began >> {ran}; sleep 2; echo ended >> {ran}")
    house.until(ran.exists)

    house.stop()
    house.start()

    assert hook_answer(house).ok
    assert ran.read_text() == "began\nended\n"


def test_way_down_of_a_migration_is_answered_as_that(house: DeployerHouse) -> None:
    hook(house, house.world.release("v1"), "exit 1", down="echo went down")

    answer = hook_answer(house)
    assert (answer.ok, answer.down, answer.output) == (True, True, "went down\n")


def hook(house: DeployerHouse, release: object, run: str, timeout_seconds: float = 60, down: str = "") -> None:
    asked = HookRequested(
        app="shop",
        environment="production",
        region="us-east",
        release=release,  # type: ignore[arg-type]
        hook=Hook(run=run, timeout_seconds=timeout_seconds, down=down),
        target=PROCESS,
        down=bool(down),
        answer_by=datetime.now(UTC) + timedelta(minutes=1),
    )
    house.tell(asked, Stream("rollout", ROLLOUT), "eu-west")


def hook_answer(house: DeployerHouse) -> ReportHook:
    house.until(lambda: any(isinstance(each, ReportHook) for each in house.answers))
    return next(each for each in house.answers if isinstance(each, ReportHook))


def finished(release_id: str) -> d.DeploymentFinished:
    return d.DeploymentFinished(
        app="shop",
        environment="production",
        region="us-east",
        rollout_id=ROLLOUT,
        release_id=release_id,
        outcome="success",
    )


def is_over(house: DeployerHouse) -> bool:
    kept = Place(place_of(house)).kept()
    return kept is not None and kept.over


def by_weight(status: TargetStatus) -> dict[str, int]:
    return {each.name: each.weight for each in status.sets}


def place_of(house: DeployerHouse) -> Path:
    return house.world.root / "targets" / "us-east" / "shop" / "production"


def target_of(house: DeployerHouse) -> Target:
    found = house.targets.find("shop", "production")
    assert found is not None
    return found


def restarts(house: DeployerHouse) -> int:
    return sum(each.restarts for each in target_of(house).status().sets)


def kill_instances(house: DeployerHouse) -> None:
    for pid in instance_pids(place_of(house)):
        os.killpg(pid, signal.SIGKILL)


def with_health(**changes: object) -> object:
    return msgspec.structs.replace(PROCESS, health=msgspec.structs.replace(PROCESS.health, **changes))
