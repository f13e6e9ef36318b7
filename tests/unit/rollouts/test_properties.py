"""Whatever deployments, deployers and people say to a rollout, and when: waves in order, one deployment per region at a
time, approvals by those who may, and an end that fits what is in the regions.
"""

from datetime import datetime
from typing import Any

from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.aggregate import Rejected
from core.environments.settings import Bake
from core.eventlog.serialization import Message
from core.pipeline.plan import Approval
from core.rollouts import commands as c
from core.rollouts import events as e
from core.rollouts.aggregate import ROLLOUT
from tests.support.given import Scene, given
from tests.unit.rollouts import scenes
from tests.unit.rollouts.scenes import AP, CONTRACT, CONTRACTED, EU, HOOK, ID, OLD, US

REGIONS = (US, EU, AP)
PEOPLE = some.sampled_from(("ann", "bob", "eve", "zoe"))
GROUPS = some.sampled_from(((), ("ops",), ("web",)))
OUTCOMES = some.sampled_from(("success", "success", "success", "rolled_back", "aborted", "error"))
CODES = some.sampled_from(("crashed", "lock-lost", "superseded"))
STEERING = some.sampled_from(
    (
        c.PauseRollout(by="bob"),
        c.ResumeRollout(by="bob"),
        c.ResumeRollout(by="bob"),
        c.PromoteRollout(by="bob"),
        c.PromoteRollout(by="bob", full=True),
        c.AbortRollout(by="bob"),
    )
)
PLANS = some.fixed_dictionaries(
    {
        "waves": some.sampled_from(((), ((US,), (EU, AP)), ((US,), (EU,), (AP,)))),
        "bake": some.sampled_from((Bake(), Bake(time_seconds=60), Bake(time_seconds=60, min_requests=10))),
        "watch_seconds": some.sampled_from((0, 100)),
        "on_failure": some.sampled_from(("rollback_all", "halt")),
        "pre_deploy": some.sampled_from((None, HOOK, CONTRACT)),
        "approval": some.sampled_from((None, Approval(2, ("ops",), 600, prevent_self_approval=True))),
    }
)


# What drives a rollout on is drawn more often than what could end it early.
ACTIONS = some.lists(
    some.one_of(
        some.tuples(some.just("push_on"), some.integers(0, 5)),
        some.tuples(some.just("push_on"), some.integers(0, 5)),
        some.tuples(some.just("push_on"), some.integers(0, 5)),
        some.tuples(some.just("deployment_ends"), some.integers(0, 2), OUTCOMES, CODES, some.booleans()),
        some.tuples(some.just("watch_ends"), some.integers(0, 2), some.booleans()),
        some.tuples(some.just("hook_ends"), some.booleans()),
        some.tuples(some.just("somebody_approves"), PEOPLE, GROUPS, some.sampled_from((True, True, True, False))),
        some.tuples(some.just("people_steer"), STEERING),
        some.tuples(some.just("time_passes"), some.sampled_from((1, 60, 200, 3700, 8 * 86400))),
        some.tuples(some.just("requests_come"), some.sampled_from(REGIONS), some.sampled_from((3, 10, 50))),
        some.tuples(some.just("echo"), some.integers(0, 9)),
    ),
    min_size=10,
    max_size=60,
)


class World:
    """`live`: the deployments under way by region; `there`: what each region runs; `watched`: who is still observed."""

    def __init__(self, plan: dict[str, Any], kind: c.Kind, known: bool) -> None:
        self.scene: Scene = given(ROLLOUT, ID)
        self.live: dict[str, e.Placement] = {}
        self.there: dict[str, str] = dict.fromkeys(REGIONS, "r1")
        self.before = (scenes.release("r9") if kind == "rollback" else OLD) if known else None
        self.watched: dict[str, str] = {}
        self.hooks: list[e.HookRequested] = []
        self.waves: list[e.WaveStarted] = []
        self.approvals: list[str] = []
        self.said: list[c.NoteDeployment] = []
        self.bake: e.BakeStarted | None = None
        self.baked = -1
        self.requests: dict[str, int] = {}
        self.stopped = False
        self.ended: e.RolloutFinished | None = None
        release = CONTRACTED if plan["pre_deploy"] is CONTRACT else scenes.NEW
        self.goal = OLD.id if kind == "rollback" else release.id
        self.say(scenes.start(scenes.settings(**plan), kind=kind, release=OLD if kind == "rollback" else release))

    @property
    def plan(self) -> Any:
        return self.scene.state.plan

    def say(self, command: Message) -> None:
        self.scene.told = ()
        try:
            self.scene.when(command)
        except Rejected:
            return
        self.read()

    def read(self) -> None:
        for event in self.scene.told:
            assert self.ended is None, "nothing happens after the end"
            if isinstance(event, e.WaveStarted):
                self.wave_started(event)
            elif isinstance(event, e.HookRequested):
                assert not self.hooks
                self.hooks.append(event)
            elif isinstance(event, e.HookFinished):
                self.hooks.clear()
            elif isinstance(event, e.BakeStarted):
                self.bake = event
            elif isinstance(event, e.BakeFinished):
                self.bake_finished(event)
            elif isinstance(event, e.RolloutPaused | e.RolloutHalted):
                self.stopped = True
            elif isinstance(event, e.RolloutResumed | e.RolloutAborted):
                self.stopped = False
            elif isinstance(event, e.RolloutApprovalGiven):
                self.approvals.append(event.by)
            elif isinstance(event, e.RolloutFinished):
                self.ended = event
                self.end(event)

    def bake_finished(self, event: e.BakeFinished) -> None:
        assert self.bake is not None
        self.baked = event.index
        if not event.by:
            assert self.scene.now >= self.bake.until
            for region in (name for wave in self.scene.state.waves[: event.index + 1] for name in wave):
                assert self.requests.get(region, 0) >= self.bake.min_requests

    def wave_started(self, event: e.WaveStarted) -> None:
        back = event.rollback and self.scene.state.kind == "deploy"
        if not back:
            self.check_order(event)
        self.waves.append(event)
        for placement in event.placements:
            assert placement.region not in self.live, "one deployment per region at a time"
            assert not back or self.there[placement.region] in (self.goal, "unclear"), (
                "nothing goes back that isn't there"
            )
            self.live[placement.region] = placement
            self.requests.pop(placement.region, None)
            self.watched.pop(placement.region, None)

    def check_order(self, event: e.WaveStarted) -> None:
        """Every region of the waves before is on the release, baked, and not in question."""
        state = self.scene.state
        assert not self.hooks, "the pre-deploy command is over"
        assert not self.stopped, "neither paused nor halted"
        assert {each.release.id for each in event.placements} == {self.goal}
        if self.plan.approval is not None and state.kind == "deploy":
            assert len(set(self.approvals)) >= self.plan.approval.count
            assert "ann" not in self.approvals
        for region in (name for wave in state.waves[: event.index] for name in wave):
            retried = any(each.region == region for each in event.placements)
            assert retried or (self.there[region] == self.goal and region not in self.live)
        first_of_its_wave = all(each.index < event.index for each in self.waves)
        if first_of_its_wave and event.index and self.plan.bake != Bake():
            assert self.baked == event.index - 1

    def end(self, event: e.RolloutFinished) -> None:
        assert not self.live, "nothing is under way after the end"
        assert not self.watched, "nothing is watched after the end"
        assert not self.hooks
        on_it = [region for region, release in self.there.items() if release == self.goal]
        if event.outcome == "success":
            assert len(on_it) == 3
        if event.outcome in ("rolled_back", "rejected") and self.plan.on_failure == "rollback_all":
            assert not on_it or self.scene.state.kind == "rollback"
            assert "unclear" not in self.there.values() or self.before is None

    def deployment_ends(self, luck: int, outcome: str, code: str, touched: bool = True) -> None:
        if not self.live:
            return
        region = sorted(self.live)[luck % len(self.live)]
        placement = self.live.pop(region)
        back = placement.release.id != self.goal
        if outcome == "success":
            self.there[region] = placement.release.id
        elif code == "superseded":
            self.there[region] = "another"
        elif outcome == "error" and touched and not back:
            self.there[region] = "unclear"
        watching = outcome == "success" and self.plan.watch_seconds > 0 and not back and self.goal != "r1"
        if watching:
            self.watched[region] = placement.deployment_id
        told = c.NoteDeployment(
            deployment_id=placement.deployment_id,
            region=region,
            what="finished",
            outcome=outcome,
            code="" if outcome == "success" else code,
            rollback_to=self.before,
            watching=watching,
            touched=touched,
        )
        self.said.append(told)
        self.say(told)

    def watch_ends(self, luck: int, breach: bool) -> None:
        if not self.watched:
            return
        region = sorted(self.watched)[luck % len(self.watched)]
        deployment = self.watched.pop(region)
        what: Any = "breach" if breach else "watch_ended"
        told = c.NoteDeployment(deployment_id=deployment, region=region, what=what, code="crashed" * breach)
        self.said.append(told)
        self.say(told)

    def hook_ends(self, ok: bool) -> None:
        if self.hooks:
            self.say(c.ReportHook(ok=ok, down=self.hooks[0].down))

    def requests_come(self, region: str, requests: int) -> None:
        deployment = self.scene.state.regions[region].deployment_id
        self.requests[region] = max(requests, self.requests.get(region, 0))
        self.say(c.NoteRequests(deployment_id=deployment, region=region, requests=requests))

    def somebody_approves(self, by: str, groups: tuple[str, ...], approve: bool) -> None:
        state = self.scene.state
        due: datetime | None = state.approve_by
        allowed = (
            state.status == "approval"
            and "ops" in groups
            and (not approve or (by != "ann" and by not in self.approvals))
            and due is not None
            and self.scene.now < due
        )
        self.scene.told = ()
        self.say(scenes.approve(by, *groups, approve=approve))
        assert bool(self.scene.told) == allowed

    def people_steer(self, command: Message) -> None:
        self.say(command)

    def time_passes(self, seconds: int) -> None:
        self.scene.later(seconds=seconds)
        self.read()
        due = ROLLOUT.deadline(self.scene.state)
        assert due is None or due > self.scene.now, "a deadline that has come is dealt with"

    def echo(self, luck: int) -> None:
        """What was said before is said again, and changes nothing."""
        if self.said:
            self.scene.told = ()
            self.say(self.said[luck % len(self.said)])
            assert self.scene.told == ()

    def push_on(self, luck: int) -> None:
        """Nothing fails, and nobody holds it up."""
        if self.hooks:
            self.hook_ends(ok=True)
        elif self.live:
            self.deployment_ends(luck, "success", "")
        elif self.scene.state.status == "approval":
            self.somebody_approves(("bob", "eve", "zoe")[luck % 3], ("ops",), True)
        elif self.watched and luck % 2:
            self.watch_ends(luck, breach=False)
        else:
            self.time_passes(3700)

    def finish(self) -> None:
        for luck in range(100):
            if self.ended is not None:
                return
            self.push_on(luck)
            if luck > 50 and not self.live and not self.hooks:
                self.time_passes(8 * 86400)


@settings(max_examples=300, deadline=None)
@randomly(PLANS, some.sampled_from(("deploy", "deploy", "deploy", "rollback")), some.booleans(), ACTIONS)
def test_rollout_keeps_its_order_and_ends(plan: dict[str, Any], kind: Any, known: bool, actions: list[Any]) -> None:
    world = World(plan, kind, known)
    for name, *values in actions:
        getattr(world, name)(*values)
        assert ROLLOUT.finished(world.scene.state) == (world.ended is not None)
    world.finish()
    assert world.ended is not None
    assert ROLLOUT.deadline(world.scene.state) is None
    world.scene.check_restored()
