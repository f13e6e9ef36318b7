"""From a push with a delivery.yml to an environment: run, app, rollout, deployment and back, without a log."""

from typing import Any

import pytest

from core.catalog.commands import CreateApp, SubmitTrigger
from core.delivery_file.document import read_delivery
from core.deployments.commands import ReportTarget
from core.deployments.events import ActionRequested
from core.deployments.target_state import SetStatus, TargetStatus
from core.environments.events import ReleaseChanged
from core.eventlog.envelope import Stream
from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.plan import Plan
from core.rollouts.commands import ApproveRollout
from core.rollouts.events import RolloutAborted, RolloutFinished, RolloutRequested
from core.runs.commands import CancelRun, PlanRun, RerunRun
from core.runs.events import RunFinished, StageFinished
from core.trigger import Trigger
from tests.support.household import Household

DELIVERY = b"""\
environments:
  dev: {regions: us-east, strategy: recreate, target: {process: ./serve}}
  live:
    regions: [us-east, eu-west]
    waves: [[us-east], [eu-west]]
    approval: {}
    strategy: rolling
    target: {process: {command: ./serve, replicas: 2}}
"""
DEV = "stages: [{name: dev, deploy: dev}, {name: after, needs: [dev], deploy: {environment: dev, wait: false}}]\n"
LIVE = "stages: [{name: live, deploy: live}]\n"


class Delivered(Household):
    """An app whose pushes are planned from the two files, with a deployer whose targets are always as wished."""

    def __init__(self) -> None:
        super().__init__()
        self._answered = 0
        self.send("app/shop", CreateApp(name="shop", repository_url="https://forge/shop.git", region="us-east"))

    def push(self, pipeline: str, commit: str = "c" * 40) -> str:
        """The run's stream."""
        delivery = read_delivery(DELIVERY)
        document = read_pipeline(pipeline.encode(), environments=delivery.regions)
        plan = document.compile(CompileContext(app="shop", commit=commit, branch="main"))
        assert isinstance(plan, Plan), plan
        trigger = Trigger(
            trigger_id=commit, source="push", ref="refs/heads/main", branch="main", commit=commit, author="ann"
        )
        self.send("app/shop", SubmitTrigger(trigger=trigger))
        run = next(str(stream) for stream, _ in reversed(self.events) if stream.kind == "run")
        self.send(run, PlanRun(plan=plan, commit=commit, environments=delivery.environments))
        return run

    def converge(self) -> None:
        """The deployer brings every target to its wish, until nothing more is asked of it."""
        while (asked := self._next_action()) is not None:
            stream, action = asked
            sets = tuple(
                SetStatus(each.name, each.release.id, each.replicas, each.replicas, each.weight)
                for each in action.wish.sets
            )
            report = ReportTarget(
                epoch=action.epoch,
                action=action.action,
                ok=True,
                status=TargetStatus(action.epoch, sets),
                at=self.now,
            )
            self.send(str(stream), report, action.region)

    def _next_action(self) -> tuple[Stream, ActionRequested] | None:
        for stream, event in self.events[self._answered :]:
            self._answered += 1
            if isinstance(event, ActionRequested):
                return stream, event
        return None

    def all_of(self, kind: Any) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def rollouts(self) -> list[str]:
        return [str(stream) for stream, event in self.events if isinstance(event, RolloutRequested)]

    def ends(self) -> dict[str, tuple[str, str]]:
        return {event.stage: (event.outcome, event.code) for event in self.all_of(StageFinished)}


@pytest.fixture
def house() -> Delivered:
    return Delivered()


def test_push_goes_to_dev_and_the_run_ends_with_it(house: Delivered) -> None:
    house.push(DEV)
    assert house.ends() == {}
    house.converge()
    assert house.ends() == {"dev": ("success", ""), "after": ("success", "")}
    assert [event.outcome for event in house.all_of(RunFinished)] == ["success"]
    changed = house.all_of(ReleaseChanged)[0].release
    assert (changed.id, changed.artifact.digest, changed.author) == ("1-cccccccc", "git:" + "c" * 40, "ann")
    assert not house.rejections


def test_waves_follow_each_other_after_the_approval(house: Delivered) -> None:
    house.push(LIVE)
    house.converge()
    (rollout,) = house.rollouts()
    assert house.all_of(ReleaseChanged) == []
    house.send(rollout, ApproveRollout(by="bob"))
    for _ in range(20):
        house.converge()
        house.pass_time(5)
    assert house.ends() == {"live": ("success", "")}
    assert [str(stream) for stream, event in house.events if isinstance(event, ReleaseChanged)] == [
        "environment/shop/live/us-east",
        "environment/shop/live/eu-west",
    ]


def test_approval_that_is_not_given_fails_the_stage(house: Delivered) -> None:
    house.push(LIVE)
    house.send(house.rollouts()[0], ApproveRollout(by="bob", approve=False, comment="not today"))
    assert house.ends() == {"live": ("failure", "deploy-rejected")}


def test_cancelled_run_takes_its_rollout_back(house: Delivered) -> None:
    run = house.push(LIVE)
    house.send(run, CancelRun(by="ann"))
    (aborted,) = house.all_of(RolloutAborted)
    assert run in aborted.by
    assert [event.outcome for event in house.all_of(RolloutFinished)] == ["aborted"]
    assert [event.outcome for event in house.all_of(RunFinished)] == ["cancelled"]
    assert not house.rejections


def test_environment_that_is_gone_is_told_to_the_stage(house: Delivered) -> None:
    house.push(DEV)
    house.converge()
    stray = read_pipeline(b"stages: [{name: x, deploy: gone}]\n").compile(CompileContext(app="shop", commit="d" * 40))
    assert isinstance(stray, Plan)
    trigger = Trigger(trigger_id="m", source="manual", ref="refs/heads/x", branch="x", commit="d" * 40, author="bob")
    house.send("app/shop", SubmitTrigger(trigger=trigger))
    run = next(str(stream) for stream, _ in reversed(house.events) if stream.kind == "run")
    house.send(run, PlanRun(plan=stray, commit="d" * 40))
    assert house.ends()["x"] == ("failure", "environment-unknown")


def test_running_it_again_is_a_rollout_of_its_own(house: Delivered) -> None:
    run = house.push(LIVE)
    house.send(house.rollouts()[0], ApproveRollout(by="bob", approve=False))
    house.send(run, RerunRun(mode="failed", by="bob"))
    first, second = house.rollouts()
    assert first != second
    house.send(second, ApproveRollout(by="cleo"))
    for _ in range(20):
        house.converge()
        house.pass_time(5)
    assert [event.outcome for event in house.all_of(RunFinished)] == ["failure", "success"]
