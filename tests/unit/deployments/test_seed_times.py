"""The times users know (5%/5 min, 25%/10 min, 50%/15 min, a sample every 30 s), in a clock that costs nothing."""

from datetime import timedelta

import msgspec
import pytest

from core.aggregate import Tick
from core.deployments import events as e
from core.deployments.state import DeploymentState
from core.environments.settings import Analysis, Canary, Check
from core.eventlog.serialization import Message
from tests.support.given import START, Scene
from tests.unit.deployments.scenes import NEW, OLD, admitted, reached, sample, settings, value, weights

CHECKS = (
    Check("error-rate", metric="error-rate", max=0.01, min_samples=20),
    Check("p99", metric="latency-p99", max=0.5),
)
SEED = settings(strategy=Canary(), analysis=Analysis(checks=CHECKS), watch_seconds=300)
SECOND = timedelta(seconds=1)


def restart(scene: Scene) -> None:
    """The processor is gone; the next one reads its snapshot."""
    text = msgspec.msgpack.encode(scene.state)
    scene.state = msgspec.msgpack.decode(text, type=DeploymentState)


class World:
    """The clock goes on second by second; deployer and sampler take one second to answer."""

    def __init__(self, restarts_at: frozenset[int] = frozenset(), breach_at: int | None = None) -> None:
        self.scene = admitted(SEED)
        self.restarts_at, self.breach_at = restarts_at, breach_at
        self.shares: list[tuple[int, dict[str, int]]] = []

    def run(self, seconds: int) -> "World":
        for _ in range(seconds):
            if self.scene.state.status == "finished":
                break
            self.second()
        return self

    def second(self) -> None:
        scene = self.scene
        self.answer()
        scene.now += SECOND
        passed = int((scene.now - START).total_seconds())
        if passed in self.restarts_at:
            restart(scene)
        due = scene.aggregate.deadline(scene.state)
        if due is not None and due <= scene.now:
            scene.when(Tick())
        if not self.shares or self.shares[-1][1] != scene.state.weights:
            self.shares.append((passed, scene.state.weights))

    def answer(self) -> None:
        scene = self.scene
        if "answer" in scene.state.timers.due:
            scene.when(reached(scene))
        if scene.state.asked is not None:
            rate = 0.05 if self.breach_at is not None and scene.state.sample >= self.breach_at else 0.001
            scene.when(sample(scene, value(rate, "error-rate", requests=300), value(0.12, "p99")))

    def events(self, kind: type[Message]) -> list[Message]:
        return [event for event in self.scene.events if isinstance(event, kind)]


def test_canary_takes_thirty_minutes_and_samples_every_thirty_seconds() -> None:
    world = World().run(2400)
    assert [(seconds // 60, shares) for seconds, shares in world.shares] == [
        (0, {OLD.id: 95, NEW.id: 5}),
        (5, {OLD.id: 75, NEW.id: 25}),
        (15, {OLD.id: 50, NEW.id: 50}),
        (30, {NEW.id: 100}),
    ]
    assert world.scene.state.outcome == "success"
    assert world.events(e.WatchEnded) == [
        e.WatchEnded(rollout_id="eu-west-fedcba9876543210", region="eu-west", reason="quiet")
    ]
    samples = len(world.events(e.SampleRecorded))
    assert samples in range(69, 72), "30 minutes and a watch of 5, every 30 seconds"
    assert len(world.events(e.LockRenewalRequested)) == 18, "every 100 s for half an hour"
    world.scene.check_restored()


@pytest.mark.parametrize("restarts", [frozenset({900 + 450}), frozenset(range(1, 2400, 7))])
def test_restart_in_the_middle_of_fifteen_minutes_changes_nothing(restarts: frozenset[int]) -> None:
    undisturbed = World().run(2400)
    disturbed = World(restarts).run(2400)
    assert disturbed.scene.events == undisturbed.scene.events
    assert disturbed.shares == undisturbed.shares


def test_breach_in_the_middle_of_fifteen_minutes_is_back_within_the_next_answer() -> None:
    world = World(breach_at=45).run(2400)
    (breach,) = world.events(e.RollbackTriggered)
    assert isinstance(breach, e.RollbackTriggered)
    assert (breach.sample, breach.check, breach.code) == (45, "error-rate", "analysis-failed")
    assert world.shares[-1][1] == {OLD.id: 100}
    assert world.shares[-1][0] - 45 * 30 <= 3
    assert weights(world.scene) == {OLD.id: 100}
    assert world.scene.state.outcome == "rolled_back"
