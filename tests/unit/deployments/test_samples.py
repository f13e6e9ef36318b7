"""Samples of a deployment: when they are asked for, and what they do to it."""

from datetime import timedelta

import pytest

from core.analysis.replay import judge_again, recorded_verdict
from core.deployments import commands as c
from core.deployments import events as e
from core.environments.settings import (
    Amount,
    Analysis,
    Bake,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    Compare,
    Probe,
    Rolling,
)
from tests.support.given import Scene
from tests.unit.deployments.scenes import (
    EPOCH,
    NEW,
    OLD,
    actions,
    admitted,
    analysed,
    obey,
    obey_all,
    reached,
    sample,
    settings,
    status,
    value,
    weights,
)

SLOW = Check("slow", metric="latency-p99", max=0.5, failure_limit=2, inconclusive_limit=2, consecutive_error_limit=2)
TEN, TWO = timedelta(seconds=10), timedelta(seconds=2)


def asked(scene: Scene) -> e.SampleRequested:
    return scene.one(e.SampleRequested)


def until_sample(scene: Scene) -> Scene:
    """Time passes until the next sample is asked for."""
    for _ in range(10):
        due = scene.aggregate.deadline(scene.state)
        assert due is not None
        scene.later(seconds=(due - scene.now).total_seconds())
        if scene.all_told(e.SampleRequested):
            return scene
    raise AssertionError("no sample was asked for")


@pytest.fixture
def held() -> Scene:
    return obey(admitted(analysed()))


def test_samples_begin_with_the_first_step_that_analyses_and_come_at_the_interval(held: Scene) -> None:
    assert held.one(e.StepReached).analysis_from == held.now
    first = asked(held.later(seconds=10))
    assert (first.number, first.canary, first.epoch, first.region) == (1, NEW.id, EPOCH, "eu-west")
    assert (first.answer_by, first.next_at) == (held.now + TWO + timedelta(seconds=5), held.now + TEN)
    held.later(seconds=1).when(sample(held, value(0.001))).then_types(e.SampleRecorded)
    assert held.one(e.SampleRecorded).judged[0].result == "passed"
    assert asked(held.later(seconds=9)).number == 2
    held.check_restored()


def test_sample_over_the_limit_takes_it_back_in_the_same_decision(held: Scene) -> None:
    held.later(seconds=10)
    held.when(sample(held, value(0.05, requests=100)))
    held.then_types(e.SampleRecorded, e.RollbackTriggered, e.ActionRequested)
    breach = held.one(e.RollbackTriggered)
    assert (breach.code, breach.check, breach.value, breach.sample) == ("analysis-failed", "errors", 0.05, 1)
    assert breach.detail == "errors: 0.05 is above 0.01 (1 failed, 0 borne)"
    assert breach.quarantine
    (back,) = actions(held)
    assert (back.step, back.wish.at_once, back.epoch) == (-1, True, EPOCH)
    assert weights(held) == {OLD.id: 100}
    obey(held).then_types(e.TrafficShifted, e.DeploymentFinished)
    ended = held.one(e.DeploymentFinished)
    assert (ended.outcome, ended.code, ended.now_on) == ("rolled_back", "analysis-failed", OLD)
    assert held.aggregate.finished(held.state)
    held.check_restored()


def test_nothing_is_sampled_on_the_way_back(held: Scene) -> None:
    held.later(seconds=10).when(sample(held, value(0.05)))
    held.when(sample(held, value(0.05))).then()
    for _ in range(20):
        assert not held.later(seconds=5).all_told(e.SampleRequested)


@pytest.mark.parametrize("outcome", ["empty", "too-few", "error"])
def test_samples_without_a_value_are_borne_only_so_often_in_a_row(outcome: c.SampleOutcome) -> None:
    scene = obey(admitted(analysed(SLOW)))
    for _ in range(2):
        until_sample(scene).when(sample(scene, c.Measurement("slow", outcome))).then_types(e.SampleRecorded)
    until_sample(scene).when(sample(scene, value(0.1, "slow"))).then_types(e.SampleRecorded)
    for _ in range(2):
        until_sample(scene).when(sample(scene, c.Measurement("slow", outcome))).then_types(e.SampleRecorded)
    until_sample(scene).when(sample(scene, c.Measurement("slow", outcome)))
    breach = scene.one(e.RollbackTriggered)
    assert breach.code == ("analysis-errors" if outcome == "error" else "analysis-inconclusive")
    assert not breach.quarantine, "it says nothing about the release"


def test_failed_samples_are_counted_in_all() -> None:
    scene = obey(admitted(analysed(SLOW)))
    for number in (0.9, 0.1, 0.9, 0.1):
        until_sample(scene).when(sample(scene, value(number, "slow"))).then_types(e.SampleRecorded)
    until_sample(scene).when(sample(scene, value(0.9, "slow")))
    assert scene.one(e.RollbackTriggered).code == "analysis-failed"


def test_nan_is_no_value(held: Scene) -> None:
    held.later(seconds=10).when(sample(held, value(float("nan"))))
    recorded = held.one(e.SampleRecorded)
    assert (recorded.measurements[0].outcome, recorded.measurements[0].value) == ("empty", None)
    assert recorded.judged[0].result == "inconclusive"
    held.check_restored()


def test_sampler_that_does_not_answer_is_an_error_of_every_check() -> None:
    scene = obey(admitted(analysed(SLOW, Check("errors", metric="error-rate", max=0.1))))
    scene.later(seconds=10)
    scene.later(seconds=7)
    recorded = scene.one(e.SampleRecorded)
    assert [(each.check, each.result) for each in recorded.judged] == [("slow", "error"), ("errors", "error")]
    assert "eu-west" in recorded.measurements[0].detail
    scene.when(sample(scene, value(0.9, "slow"), number=1)).then()
    for _ in range(2):
        until_sample(scene).later(seconds=7)
    assert scene.one(e.RollbackTriggered).code == "analysis-errors"


def test_check_without_an_answer_is_an_error_and_strange_answers_are_dropped() -> None:
    scene = obey(admitted(analysed(SLOW, Check("errors", metric="error-rate", max=0.1))))
    scene.later(seconds=10).when(sample(scene, value(0.1, "errors"), value(7.0, "who")))
    assert [(each.check, each.result) for each in scene.one(e.SampleRecorded).judged] == [
        ("slow", "error"),
        ("errors", "passed"),
    ]


def test_samples_are_answered_once_and_under_the_epoch_of_the_lock(held: Scene) -> None:
    held.rejects(sample(held, number=1), "sample-unknown")
    held.later(seconds=10)
    held.rejects(sample(held, epoch=EPOCH - 1), "stale-epoch")
    held.when(sample(held, value(0.0))).when(sample(held, value(0.9))).then()


def test_late_answer_does_not_make_samples_pile_up() -> None:
    scene = obey(admitted(analysed(interval=1)))
    scene.later(seconds=1).later(seconds=5)
    scene.when(sample(scene, value(0.0))).then_types(e.SampleRecorded)
    assert asked(scene.later(seconds=0)).number == 2


def test_checks_wait_for_their_initial_delay() -> None:
    scene = obey(admitted(analysed(Check("late", metric="memory", max=1.0, initial_delay_seconds=15))))
    assert asked(scene.later(seconds=10)).checks == ()
    scene.when(sample(scene))
    assert [check.name for check in asked(scene.later(seconds=10)).checks] == ["late"]


def test_pause_does_not_stop_the_samples(held: Scene) -> None:
    held.when(c.PauseDeployment(by="ann")).later(seconds=10)
    held.when(sample(held, value(0.5)))
    assert held.one(e.RollbackTriggered).code == "analysis-failed"


def test_analysis_without_one_conclusive_sample_is_no_pass() -> None:
    patient = Check("errors", metric="error-rate", max=0.01, inconclusive_limit=1000)
    scene = obey(admitted(analysed(patient)))
    while scene.state.status != "rolling_back":
        assert len(scene.events) < 200
        if scene.state.asked is not None:
            scene.when(sample(scene, c.Measurement("errors", "too-few", requests=0)))
        elif "answer" in scene.state.timers.due:
            obey(scene)
        else:
            scene.later(seconds=1)
    assert scene.one(e.AnalysisConcluded).outcome == "inconclusive"
    breach = scene.one(e.RollbackTriggered)
    assert breach.code == "analysis-inconclusive"
    assert "errors (0 failed, 11 inconclusive, 0 errors)" in breach.detail
    assert scene.state.wish.sets[0].release == OLD
    assert {
        each for event in scene.events if isinstance(event, e.TrafficShifted) for each in event.weights.values()
    } == {
        95,
        5,
        50,
    }


def test_passed_analysis_is_on_record_before_the_new_release_gets_everything() -> None:
    scene = obey(admitted(analysed(strategy=Canary(steps=(CanaryStep(50, 15), CanaryStep(100, 0))))))
    scene.later(seconds=10).when(sample(scene, value(0.0)))
    scene.later(seconds=5).then_types(e.AnalysisConcluded, e.ActionRequested)
    assert obey_all(scene).state.outcome == "success"


def test_person_who_promotes_the_last_hold_answers_for_it() -> None:
    scene = obey(admitted(analysed(strategy=Canary(steps=(CanaryStep(50, 15), CanaryStep(100, 0))))))
    scene.when(c.PromoteDeployment(by="ann"))
    assert obey_all(scene).state.outcome == "success"


def test_blue_green_is_judged_while_it_keeps_the_old() -> None:
    scene = admitted(analysed(strategy=BlueGreen(keep_old_seconds=60)))
    obey_all(scene)
    scene.later(seconds=10).when(sample(scene, value(0.5)))
    assert scene.one(e.RollbackTriggered).code == "analysis-failed"
    assert weights(scene) == {OLD.id: 100}


def test_comparison_needs_a_baseline_and_is_not_asked_without_one() -> None:
    compared = Check("slow", metric="latency-p99", compare=Compare(min_points=5))
    canary = Canary(steps=(CanaryStep(25, 100), CanaryStep(75, 100), CanaryStep(100, 0)), baseline=True)
    scene = obey(admitted(analysed(compared, strategy=canary)))
    requested = asked(scene.later(seconds=10))
    assert (requested.baseline, len(requested.checks)) == (f"{OLD.id}.baseline", 1)
    for number in range(4):
        scene.when(sample(scene, value(1.0 + number / 10, "slow", baseline=0.5 + number / 10)))
        assert scene.one(e.SampleRecorded).judged[0].result == "pending"
        until_sample(scene)
    scene.when(sample(scene, value(1.4, "slow", baseline=0.9)))
    breach = scene.one(e.RollbackTriggered)
    assert breach.code == "analysis-failed"
    assert "baseline" in breach.detail
    scene.check_restored()


def test_comparison_is_left_out_once_the_baseline_is_gone() -> None:
    compared = Check("slow", metric="latency-p99", compare=Compare(min_points=1))
    canary = Canary(steps=(CanaryStep(25, 15), CanaryStep(75, 100), CanaryStep(100, 0)), baseline=True)
    scene = obey(admitted(analysed(compared, strategy=canary)))
    scene.later(seconds=10).when(sample(scene, value(1.0, "slow", baseline=1.0)))
    obey(scene.later(seconds=5))
    requested = asked(until_sample(scene))
    assert (requested.baseline, requested.checks) == ("", ())


def test_probe_that_fails_during_the_deployment_takes_it_back() -> None:
    probe = Probe("home", "/", when=("during",))
    scene = obey(admitted(analysed(probes=(probe,))))
    assert asked(scene.later(seconds=10)).probes == (probe,)
    scene.when(sample(scene, value(0.0), probes=(c.ProbeResult("home", False, detail="expected 200, got 500"),)))
    breach = scene.one(e.RollbackTriggered)
    assert (breach.code, breach.check, breach.sample) == ("probe-failed", "probe:home", 1)
    assert "got 500" in breach.detail


def test_probe_that_is_never_answered_is_not_passed() -> None:
    scene = obey(admitted(analysed(probes=(Probe("home", "/", when=("during",)),))))
    for _ in range(5):
        until_sample(scene).when(sample(scene, value(0.0)))
    assert scene.one(e.RollbackTriggered).code == "analysis-errors"


def test_without_anything_to_look_at_there_are_no_samples() -> None:
    scene = obey(admitted(settings(strategy=Canary())))
    assert scene.one(e.StepReached).analysis_from is None


def watched() -> Scene:
    return obey_all(admitted(analysed(strategy=Rolling(), watch_seconds=60)))


def test_watch_goes_on_sampling_and_ends_quietly() -> None:
    scene = watched()
    started = scene.one(e.WatchStarted)
    assert started.until == scene.now + timedelta(seconds=60)
    assert scene.one(e.DeploymentFinished).watch_until == started.until
    assert not scene.aggregate.finished(scene.state)
    until_sample(scene).when(sample(scene, value(0.0))).then_types(e.SampleRecorded)
    while scene.state.status == "watching":
        if scene.state.asked is not None:
            scene.when(sample(scene, value(0.0)))
        scene.later(seconds=5)
    assert scene.one(e.WatchEnded).reason == "quiet"
    assert scene.aggregate.deadline(scene.state) is None
    scene.check_restored()


def test_breach_in_the_watch_is_told_to_the_rollout() -> None:
    scene = watched()
    until_sample(scene).when(sample(scene, value(0.5)))
    scene.then_types(e.SampleRecorded, e.RollbackTriggered, e.WatchEnded)
    told = scene.one(e.WatchEnded)
    assert (told.reason, told.code) == ("breach", "analysis-failed")
    assert scene.aggregate.deadline(scene.state) is None
    scene.when(sample(scene, value(0.5))).then()


@pytest.mark.parametrize("measured", [value(float("nan")), c.Measurement("rate", "error", detail="connection refused")])
def test_nothing_measured_in_the_watch_takes_nothing_back(measured: c.Measurement) -> None:
    """A service that nobody uses at night, or a metrics server that is away, after the release was proven."""
    scene = watched()
    for _ in range(4):
        until_sample(scene).when(sample(scene, measured)).then_types(e.SampleRecorded)
    recorded = recorded_verdict(scene.events)
    assert judge_again(scene.state.plan.analysis.checks, scene.events) == recorded
    until_sample(scene).when(sample(scene, value(0.5)))
    assert scene.one(e.WatchEnded).code == "analysis-failed"
    assert recorded_verdict(scene.events) == judge_again(scene.state.plan.analysis.checks, scene.events)


def test_watch_ends_when_another_deployment_has_the_environment() -> None:
    scene = watched().when(c.EndWatch(by="eu-west-0000000000000000"))
    assert scene.one(e.WatchEnded).reason == "superseded"
    scene.when(c.EndWatch(by="x")).then()


def test_sample_that_is_outstanding_at_the_end_is_answered_in_the_watch() -> None:
    scene = admitted(analysed(strategy=BlueGreen(keep_old_seconds=25), watch_seconds=60))
    obey_all(scene)
    scene.later(seconds=10).when(sample(scene, value(0.0)))
    scene.later(seconds=10).later(seconds=5)
    obey(scene)
    assert (scene.state.status, scene.state.asked) == ("watching", ("errors",))
    scene.when(sample(scene, value(0.9))).then_types(e.SampleRecorded, e.RollbackTriggered, e.WatchEnded)


def test_requests_are_counted_for_the_bake_though_nothing_is_judged() -> None:
    chosen = settings(
        strategy=Rolling(),
        bake=Bake(min_requests=100, give_up_seconds=600),
        analysis=Analysis(interval_seconds=10, timeout_seconds=2),
    )
    scene = admitted(chosen)
    while scene.state.status != "watching":
        last = reached(scene)
        scene.when(last)
    counted = [0, 50, 90]
    for total in counted:
        assert asked(until_sample(scene)).checks == ()
        scene.when(sample(scene, total_requests=total)).then_types(e.SampleRecorded)
        assert scene.one(e.SampleRecorded).requests_since_complete == total
    until_sample(scene).when(sample(scene, total_requests=101)).then_types(e.SampleRecorded, e.WatchEnded)


def test_bake_that_never_sees_its_requests_lets_the_deployment_end() -> None:
    scene = obey_all(admitted(settings(bake=Bake(min_requests=100, give_up_seconds=600))))
    for _ in range(200):
        scene.later(seconds=5)
        if scene.state.status == "finished":
            break
    assert scene.one(e.WatchEnded).reason == "quiet"


def test_count_that_begins_anew_goes_on_from_there() -> None:
    scene = admitted(settings(bake=Bake(min_requests=100), strategy=Rolling(max_surge=Amount(percent=100))))
    scene.when(reached(scene, status=status(scene.state.wish, {NEW.id: {"requests": 1000}})))
    assert scene.one(e.WatchStarted).requests == 1000
    for total, since in ((1040, 40), (30, 30)):
        until_sample(scene).when(sample(scene, total_requests=total))
        assert scene.one(e.SampleRecorded).requests_since_complete == since
