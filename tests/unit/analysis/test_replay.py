"""A recorded deployment judged again."""

import pytest

from core.analysis.replay import Verdict, judge_again, recorded_verdict, with_changes
from core.deployments import commands as c
from core.environments.settings import Canary, CanaryStep, Check, Compare, Probe
from tests.support.given import Scene
from tests.unit.deployments.scenes import admitted, analysed, obey, sample

RATE = Check("rate", metric="error-rate", max=0.05)
P99 = Check("p99", metric="latency-p99", max=0.5, failure_limit=1)


def deployed(*values: tuple[float, float]) -> Scene:
    """A canary whose samples have these values (rate, p99), until it has no more of them or went back."""
    chosen = analysed(RATE, P99, strategy=Canary(steps=(CanaryStep(50, 45), CanaryStep(100, 0))))
    scene = obey(admitted(chosen))
    for rate, p99 in values:
        while scene.state.asked is None and scene.state.status == "holding":
            scene.later(seconds=1)
        measured = (c.Measurement("rate", "value", rate, requests=50), c.Measurement("p99", "value", p99))
        scene.when(sample(scene, *measured))
    while scene.state.status == "holding":
        scene.later(seconds=1)
        if scene.state.asked is not None:
            scene.when(sample(scene))
    return scene


GOOD = ((0.01, 0.2), (0.04, 0.3), (0.02, 0.2), (0.01, 0.1))
BAD = ((0.01, 0.2), (0.04, 0.6), (0.20, 0.2))


@pytest.mark.parametrize(("values", "outcome"), [(GOOD, "passed"), (BAD, "breach")])
def test_same_thresholds_give_the_same_verdict(values: tuple[tuple[float, float], ...], outcome: str) -> None:
    scene = deployed(*values)
    verdict = judge_again((RATE, P99), scene.events)
    assert verdict == recorded_verdict(scene.events)
    assert verdict.outcome == outcome


def test_breach_says_which_sample_and_check() -> None:
    verdict = recorded_verdict(deployed(*BAD).events)
    assert verdict == Verdict(
        "breach", 3, "analysis-failed", "rate", "rate: 0.2 is above 0.05 (1 failed, 0 borne)", 0.2, 3
    )


def test_stricter_threshold_would_have_gone_back_earlier() -> None:
    events = deployed(*GOOD).events
    stricter = with_changes((RATE, P99), {"rate": {"max": 0.03}})
    verdict = judge_again(stricter, events)
    assert (verdict.outcome, verdict.sample, verdict.check) == ("breach", 2, "rate")
    assert recorded_verdict(events).outcome == "passed"


def test_looser_threshold_leaves_open_what_nobody_measured() -> None:
    looser = with_changes((RATE, P99), {"rate": {"max": 0.5}, "p99": {"failure_limit": 5}})
    verdict = judge_again(looser, deployed(*BAD).events)
    assert (verdict.outcome, verdict.samples) == ("open", 3)


def test_analysis_that_was_inconclusive_may_have_passed_with_fewer_requests() -> None:
    demanding = Check("rate", metric="error-rate", max=0.05, min_samples=100, inconclusive_limit=9)
    chosen = analysed(demanding, strategy=Canary(steps=(CanaryStep(50, 25), CanaryStep(100, 0))))
    scene = obey(admitted(chosen))
    for _ in range(2):
        scene.later(seconds=10)
        scene.when(sample(scene, c.Measurement("rate", "value", 0.0, requests=40)))
    scene.later(seconds=5)
    recorded = recorded_verdict(scene.events)
    assert (recorded.outcome, recorded.code, recorded.sample) == ("breach", "analysis-inconclusive", None)
    assert judge_again((demanding,), scene.events) == recorded
    assert judge_again(with_changes((demanding,), {"rate": {"min_samples": 30}}), scene.events).outcome == "passed"


def test_probes_are_judged_as_they_were() -> None:
    scene = obey(admitted(analysed(RATE, probes=(Probe("live", "/", when=("during",)),))))
    scene.later(seconds=10)
    failed = c.ProbeResult("live", False, detail="expected 200, got 500")
    scene.when(sample(scene, c.Measurement("rate", "value", 0.0), probes=(failed,)))
    recorded = recorded_verdict(scene.events)
    assert (recorded.code, recorded.check, recorded.sample) == ("probe-failed", "probe:live", 1)
    assert judge_again((RATE,), scene.events) == recorded


def test_comparison_is_made_again() -> None:
    compared = Check("p99", metric="latency-p99", compare=Compare(min_points=3))
    canary = Canary(steps=(CanaryStep(50, 100), CanaryStep(100, 0)), baseline=True)
    scene = obey(admitted(analysed(compared, strategy=canary)))
    for number in range(5):
        scene.later(seconds=10)
        both = c.Measurement("p99", "value", 0.5 + number / 100, baseline=0.2 + number / 100)
        scene.when(sample(scene, both))
        if scene.state.status == "rolling_back":
            break
    recorded = recorded_verdict(scene.events)
    assert recorded.code == "analysis-failed"
    assert judge_again((compared,), scene.events) == recorded
    tolerant = with_changes((compared,), {"p99": {"compare": Compare(min_points=3, tolerance=5)}})
    assert judge_again(tolerant, scene.events).outcome == "open"


def test_unknown_check_or_limit_is_named() -> None:
    with pytest.raises(ValueError, match=r"no check 'speed' \(there are: p99, rate\)"):
        with_changes((RATE, P99), {"speed": {"max": 1.0}})
    with pytest.raises(ValueError, match="a check has no 'maximum'"):
        with_changes((RATE,), {"rate": {"maximum": 1.0}})
