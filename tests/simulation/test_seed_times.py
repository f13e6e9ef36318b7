"""The times of a real canary in the simulated clock: 5% for 5 minutes, 25% for 10, 50% for 15, samples every 30 s."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from core.catalog.commands import RequestRollout, SetEnvironments
from core.environments.release import Artifact, Release
from core.environments.settings import Analysis, Canary, Check, EnvironmentSettings, ProcessTarget
from core.eventlog.routing import decode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import events_topic
from core.forges.urls import builtin_url
from core.rollouts.commands import Origin
from tests.simulation.checks.all_checks import Checks
from tests.simulation.checks.observer import data_of
from tests.simulation.options import options_of
from tests.simulation.simulation import in_a_world
from tests.simulation.workload import Workload
from tests.simulation.world.world import World

# A world without faults. The first app has environments of its own already.
APP = "app1"
OPTIONS = replace(
    options_of(1),
    apps=2,
    pushes=0,
    rollouts=0,
    active_seconds=2700.0,
    processors=2,
    deliverers=1,
    faults=(),
    refusing=0.0,
    repeating=0.0,
    lock_seconds=300,
)
SETTINGS = EnvironmentSettings(
    name="production",
    regions=("eu-west",),
    target=ProcessTarget(command="serve", replicas=2, drain_seconds=0, stop_seconds=0),
    strategy=Canary(),
    analysis=Analysis(checks=(Check(name="errors", metric="error-rate", max=0.01),)),
)
FIRST, SECOND = (
    Release(id=name, app=APP, artifact=Artifact("tree", f"git:{name}", builtin_url(APP))) for name in ("r1", "r2")
)
SHARES = [{"r1": 95, "r2": 5}, {"r1": 75, "r2": 25}, {"r1": 50, "r2": 50}, {"r2": 100}]


class Told(NamedTuple):
    at: datetime
    type: str
    data: dict[str, Any]


def played(restart_after: float | None) -> list[Told]:
    """What the second release's deployment told. The processors are away for 20 s then, where that is wanted."""

    def play(world: World) -> list[Told]:
        workload = Workload(world)
        checks = Checks(world, workload)
        deliver, scheduler = workload.deliveries, world.kernel.scheduler
        world.start_all()
        workload.begin()
        workload.quieten()  # Nobody is to promote, pause or abort anything by chance.
        commands: dict[float, Message] = {
            2.0: SetEnvironments(environments=(SETTINGS,), source="api", by="ann"),
            5.0: RequestRollout(environment="production", release=FIRST, origin=Origin(by="ann")),
            60.0: RequestRollout(environment="production", release=SECOND, origin=Origin(by="ann")),
        }
        for seconds, command in commands.items():
            scheduler.after(seconds, partial(deliver.to_app, APP, command))
        if restart_after is not None:
            scheduler.run(restart_after, checks.look)
            away(world)
        scheduler.run(OPTIONS.active_seconds, checks.look)
        assert not checks.violations
        return told_of(world, SECOND)

    return in_a_world(OPTIONS, play)


def away(world: World) -> None:
    for role, process in list(world.running.items()):
        if role.startswith("processor"):
            process.kill("by the test")
            world.kernel.scheduler.after(20.0, partial(_start, world, role))


def _start(world: World, role: str) -> None:
    world.start(role)


def told_of(world: World, release: Release) -> list[Told]:
    log = world.log.memory
    found: dict[str, list[Told]] = {}
    wanted = ""
    for where in log.all_partitions():
        for record in log.partition(where).read(0, 1 << 30)[0] if where.topic == events_topic("deployments") else ():
            event = decode_event(record.value or b"")
            data = data_of(event.data)
            found.setdefault(event.stream, []).append(Told(event.recorded_at, event.type, data))
            if event.type == "deployment.requested" and data["release"]["id"] == release.id:
                wanted = event.stream
    return found[wanted]


def shifts(told: list[Told]) -> list[Told]:
    return [each for each in told if each.type == "deployment.traffic_shifted"]


@pytest.fixture(scope="module")
def undisturbed() -> list[Told]:
    return played(None)


def test_each_share_lasts_as_long_as_its_step_says(undisturbed: list[Told]) -> None:
    assert [each.data["weights"] for each in shifts(undisturbed)] == SHARES
    times = [each.at for each in shifts(undisturbed)]
    lasted = [later - earlier for earlier, later in pairwise(times)]
    for wanted, seconds in zip((300, 600, 900), lasted, strict=True):
        assert timedelta(seconds=wanted) <= seconds < timedelta(seconds=wanted + 10)
    assert undisturbed[-1].type == "deployment.finished"
    assert undisturbed[-1].data["outcome"] == "success"


def test_sample_is_taken_every_half_minute(undisturbed: list[Told]) -> None:
    times = [each.at for each in undisturbed if each.type == "deployment.sample_recorded"]
    assert 58 <= len(times) <= 62
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert max(apart) < timedelta(seconds=40)


def test_restart_of_all_processors_within_the_quarter_of_an_hour_changes_nothing(undisturbed: list[Told]) -> None:
    restarted = played(60 + 300 + 600 + 450)
    assert [each.data["weights"] for each in shifts(restarted)] == SHARES
    for ours, theirs in zip(shifts(restarted), shifts(undisturbed), strict=True):
        assert abs(ours.at - theirs.at) < timedelta(seconds=10)
    assert restarted[-1].data["outcome"] == "success"
