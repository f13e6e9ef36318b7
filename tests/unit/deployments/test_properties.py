"""Whatever deployer, sampler, clock and people do to a deployment: it ends, wholly on one release or saying why not."""

from typing import Any

from hypothesis import settings as examples
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from core.aggregate import Rejected
from core.analysis.replay import judge_again, recorded_verdict
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.aggregate import DEPLOYMENT
from core.deployments.state import DeploymentState
from core.deployments.validation import problems
from core.deployments.wishes import weight_of
from core.environments.release import Release
from core.environments.settings import (
    Amount,
    Analysis,
    Bake,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    EnvironmentSettings,
    Probe,
    Recreate,
    Rolling,
)
from tests.support.given import Scene
from tests.unit.deployments import scenes
from tests.unit.deployments.scenes import EPOCH, NEW, OLD, OLDER, TARGET

STRATEGIES = (
    Recreate(),
    Rolling(max_surge=Amount(count=2)),
    Rolling(max_surge=Amount(), max_unavailable=Amount(count=2)),
    BlueGreen(keep_old_seconds=30),
    BlueGreen(keep_old_seconds=30, manual=True),
    Canary(steps=(CanaryStep(5, 30), CanaryStep(50, 30), CanaryStep(100, 0))),
    Canary(steps=(CanaryStep(25), CanaryStep(50, 20), CanaryStep(100, 10)), mirror=10, baseline=True),
)
CHECKS = (
    Check("errors", metric="error-rate", max=0.5, min_samples=5),
    Check("slow", metric="latency-p99", max=0.5, failure_limit=1, inconclusive_limit=1, consecutive_error_limit=1),
)
PROBES = (Probe("smoke", "/", when=("before", "after")), Probe("live", "/", when=("during",)))
ASKING = (e.ActionRequested, e.SampleRequested, e.LockRenewalRequested, e.StepReached, e.TrafficShifted)


@some.composite
def any_settings(draw: Any) -> EnvironmentSettings:
    checks = tuple(check for check in CHECKS if draw(some.booleans()))
    return scenes.settings(
        strategy=draw(some.sampled_from(STRATEGIES)),
        analysis=Analysis(checks=checks, interval_seconds=5, timeout_seconds=1),
        probes=tuple(probe for probe in PROBES if draw(some.booleans())),
        watch_seconds=draw(some.sampled_from((0, 12))),
        bake=draw(some.sampled_from((Bake(), Bake(min_requests=50, give_up_seconds=60)))),
        deadline_seconds=draw(some.sampled_from((60, 3600))),
    )


def rarely() -> some.SearchStrategy[bool]:
    return some.integers(0, 9).map(lambda number: number == 7)


class Deployments(RuleBasedStateMachine):
    scene: Scene

    @initialize(
        chosen=any_settings(),
        current=some.sampled_from((OLD, OLD, NEW, None)),
        back=rarely(),
        waits=rarely(),
        turns_bad=some.none() | some.integers(0, 6),
        badly=some.sampled_from(("failed", "empty", "error", "probe")),
    )
    def begin(
        self,
        chosen: EnvironmentSettings,
        current: Release | None,
        back: bool,
        waits: bool,
        turns_bad: int | None,
        badly: str,
    ) -> None:
        self.turns_bad, self.badly = turns_bad, badly
        # Settings that are refused end it at once, which is tested elsewhere: checks nobody would see need a watch.
        self.chosen = replace(chosen, watch_seconds=60.0) if problems(chosen) else chosen
        assert not problems(self.chosen)
        self.current = current
        kind = "rollback" if back and current is not None else "deploy"
        release = NEW if kind == "deploy" else OLDER
        self.scene = scenes.waiting(self.chosen, kind=kind, release=release)
        self.release = release
        if not waits:
            self.admit(EPOCH, False)

    @property
    def state(self) -> DeploymentState:
        state: DeploymentState = self.scene.state
        return state

    def say(self, command: Any) -> None:
        try:
            self.scene.when(command)
        except Rejected:
            self.scene.told = ()

    @rule(
        epoch=some.sampled_from((EPOCH, EPOCH, EPOCH, 3)), refused=some.integers(0, 9).map(lambda number: number == 0)
    )
    @precondition(lambda self: self.state.status == "waiting")
    def admit(self, epoch: int, refused: bool) -> None:
        answer = c.RefuseDeployment(code="release-quarantined", detail="no") if refused else None
        self.say(answer or scenes.admit(self.current, OLDER if self.current else None, epoch))

    @rule(times=some.integers(1, 4))
    def push_on(self, times: int) -> None:
        for _ in range(times):
            self.do_what_is_next()

    @rule(times=some.integers(2, 12))
    def push_further(self, times: int) -> None:
        for _ in range(times):
            self.do_what_is_next()

    def do_what_is_next(self) -> None:
        """Everybody does what is asked, and somebody promotes what waits for a person."""
        state = self.state
        if state.status == "waiting":
            self.say(scenes.admit(self.current, OLDER if self.current else None))
        elif "answer" in state.timers.due:
            self.say(scenes.reached(self.scene))
        elif state.asked is not None:
            self.say(self.next_sample())
        elif state.paused:
            self.say(c.ResumeDeployment(by="ann"))
        elif state.status == "holding" and not {"hold", "sample"} & set(state.timers.due):
            self.say(c.PromoteDeployment(by="ann"))
        elif state.status != "finished":
            due = DEPLOYMENT.deadline(state)
            assert due is not None, f"{state.status} and nothing is due"
            self.scene.later(seconds=max((due - self.scene.now).total_seconds(), 0))
            self.check_clock()
        self.wishes_are_those_of_the_plan()

    @rule(code=some.sampled_from(("not-ready", "crashed", "target-unavailable", "stale-epoch", "")))
    @precondition(lambda self: "answer" in self.state.timers.due)
    def refuse(self, code: str) -> None:
        self.say(scenes.failed(self.scene, code))

    @rule(action=some.integers(0, 6), epoch=some.sampled_from((EPOCH, 1)), ok=some.booleans())
    def say_something_old_or_new(self, action: int, epoch: int, ok: bool) -> None:
        if action != self.state.action or epoch != self.state.epoch:
            self.say(scenes.reached(self.scene, action=action, epoch=epoch, ok=ok))

    @rule(probe=some.booleans())
    @precondition(lambda self: "answer" in self.state.timers.due and self.chosen.probes)
    def fail_a_probe(self, probe: bool) -> None:
        results = (c.ProbeResult("smoke", False, detail="500"),) if probe else ()
        self.say(scenes.reached(self.scene, probes=results))

    @rule(
        ready=some.integers(0, 4), restarts=some.integers(0, 12).map(lambda number: number // 12), lost=some.booleans()
    )
    def show_health(self, ready: int, restarts: int, lost: bool) -> None:
        shown = {self.release.id: {"ready": ready, "restarts": restarts}}
        self.say(scenes.health(self.scene, shown, lost=lost))

    @rule()
    def show_that_all_is_well(self) -> None:
        self.say(scenes.health(self.scene))

    @rule(
        number=some.sampled_from((0.0, 0.4, 0.9, float("nan"))),
        outcome=some.sampled_from(("value", "value", "value", "empty", "too-few", "error")),
        probe=some.sampled_from((True, True, True, False, None)),
        requests=some.sampled_from((None, 3, 80)),
    )
    @precondition(lambda self: self.state.asked is not None)
    def answer_sample(self, number: float, outcome: Any, probe: bool | None, requests: int | None) -> None:
        measured = [c.Measurement(check.name, outcome, number, requests=requests) for check in CHECKS]
        probes = () if probe is None else (c.ProbeResult("live", probe, detail="x"),)
        self.say(scenes.sample(self.scene, *measured, probes=probes, total_requests=requests))

    def next_sample(self) -> c.RecordSample:
        """The release is good, or turns out not to be with some sample."""
        bad = self.badly if self.turns_bad is not None and self.state.sample > self.turns_bad else ""
        outcome: Any = bad if bad in ("empty", "error") else "value"
        number = 0.9 if bad == "failed" else 0.0
        measured = [c.Measurement(check.name, outcome, number, requests=99) for check in CHECKS]
        probe = c.ProbeResult("live", bad != "probe", detail="expected 200, got 500")
        return scenes.sample(self.scene, *measured, probes=(probe,), total_requests=99)

    @rule(number=some.integers(0, 5), epoch=some.sampled_from((EPOCH, 1)))
    def answer_another_sample(self, number: int, epoch: int) -> None:
        if number != self.state.sample or epoch != self.state.epoch:
            self.say(scenes.sample(self.scene, scenes.value(9.9), number=number, epoch=epoch))

    @rule(
        command=some.sampled_from(
            (
                c.PauseDeployment(by="ann"),
                c.ResumeDeployment(by="ann"),
                c.ResumeDeployment(by="ann"),
                c.PromoteDeployment(by="ann"),
                c.PromoteDeployment(by="ann", full=True),
                c.AbortDeployment(by="ann"),
                c.LoseLock(epoch=EPOCH),
                c.LoseLock(epoch=EPOCH - 1),
                c.EndWatch(by="x"),
                scenes.start(),
                scenes.admit(),
            )
        ),
        really=rarely(),
    )
    def steer(self, command: Any, really: bool) -> None:
        if really or not isinstance(command, c.AbortDeployment | c.LoseLock):
            self.say(command)

    @rule(seconds=some.sampled_from((0.5, 1, 5, 5, 20, 20, 100, 700)))
    def wait(self, seconds: float) -> None:
        self.scene.later(seconds=seconds)
        self.check_clock()

    def check_clock(self) -> None:
        due = DEPLOYMENT.deadline(self.state)
        assert due is None or due > self.scene.now, "a deadline that has come is dealt with"

    @invariant()
    def wishes_are_those_of_the_plan(self) -> None:
        state = self.state
        for event in self.scene.all_told(e.ActionRequested):
            names = [(each.name, each.replicas, each.weight) for each in event.wish.sets]
            if event.step >= 0:
                planned = state.steps[event.step].wish
                assert names == [(each.name, each.replicas, each.weight) for each in planned.sets]
            else:
                back = state.rollback_to
                assert names == ([(back.id, TARGET.replicas, 100)] if back else [])
                assert event.wish.at_once

    def teardown(self) -> None:
        if hasattr(self, "scene"):
            self.finish()
            check_end(self.scene, self.release)

    def finish(self) -> None:
        """From here on nothing is lost. A hold that only a person ends, and whose samples go on, gets its person."""
        self.turns_bad = None
        for turn in range(3000):
            if self.state.status == "finished":
                return
            if self.state.status == "holding" and turn % 100 == 99:
                self.say(c.PromoteDeployment(by="ann"))
            self.do_what_is_next()
        raise AssertionError("it does not end")


def check_end(scene: Scene, release: Release) -> None:
    state: DeploymentState = scene.state
    events = scene.events
    (end,) = (event for event in events if isinstance(event, e.DeploymentFinished))
    ended = events.index(end)
    assert DEPLOYMENT.deadline(state) is None
    over = [index for index, event in enumerate(events) if isinstance(event, e.WatchEnded)] or [ended]
    assert not any(isinstance(event, ASKING) for event in events[over[0] + 1 :]), "nothing is asked after the end"
    assert not any(isinstance(event, e.ActionRequested) for event in events[ended:])
    triggered = [index for index, event in enumerate(events) if isinstance(event, e.RollbackTriggered)]
    assert len(triggered) <= 1
    check_numbers(events)
    check_traffic(state, events[: triggered[0]] if triggered else events, release)
    check_outcome(state, end, release)
    check_verdict(state, events)
    scene.check_restored()


def check_numbers(events: list[Any]) -> None:
    for kind, field in ((e.ActionRequested, "action"), (e.SampleRequested, "number")):
        numbers = [getattr(event, field) for event in events if isinstance(event, kind)]
        assert numbers == list(range(1, len(numbers) + 1))
    samples = [event.number for event in events if isinstance(event, e.SampleRecorded)]
    assert samples == sorted(set(samples))


def check_traffic(state: DeploymentState, events: list[Any], release: Release) -> None:
    """On the way there: only shares of the plan, and the new release's never falls."""
    shifts = [event.weights for event in events if isinstance(event, e.TrafficShifted)]
    planned = [{each.name: each.weight for each in step.wish.sets if each.weight} for step in state.steps]
    assert all(shift in planned for shift in shifts)
    ours = [shift.get(release.id, 0) for shift in shifts]
    assert ours == sorted(ours) or (state.current is not None and state.current.id == release.id)


def check_outcome(state: DeploymentState, end: e.DeploymentFinished, release: Release) -> None:
    if end.outcome == "success":
        assert (end.now_on, state.weights, weight_of(state.wish, release.id)) == (release, {release.id: 100}, 100)
    elif end.outcome == "rolled_back" or (end.outcome == "aborted" and state.action):
        back = state.rollback_to
        assert end.now_on == back
        assert state.weights == ({back.id: 100} if back else {})
    else:
        assert end.code, "an end that is none of these says why"


def check_verdict(state: DeploymentState, events: list[Any]) -> None:
    """Judged again with the same thresholds, it comes out the same."""
    assert judge_again(state.plan.analysis.checks, events) == recorded_verdict(events)


TestDeployments = Deployments.TestCase
TestDeployments.settings = examples(max_examples=150, stateful_step_count=40, deadline=None)
