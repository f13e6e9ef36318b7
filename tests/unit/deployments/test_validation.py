"""Settings that no deployment could follow, or that would let everything through, are refused with their reason."""

from typing import Any

import pytest

from core.deployments.validation import problems
from core.environments.settings import (
    Amount,
    Analysis,
    BlueGreen,
    Budget,
    Canary,
    CanaryStep,
    Check,
    Compare,
    Probe,
    ProcessTarget,
    Recreate,
    Rolling,
)
from tests.unit.deployments.scenes import CANARY, STATIC, settings


def canary(*weights: int, **more: Any) -> Canary:
    return Canary(steps=tuple(CanaryStep(weight, 600) for weight in weights), **more)


def check(**more: Any) -> Check:
    fields: dict[str, Any] = {"name": "rate", "metric": "error-rate", "max": 0.01} | more
    return Check(**fields)


def analysis(*checks: Check, **more: Any) -> Analysis:
    return Analysis(checks=checks, **more)


@pytest.mark.parametrize(
    "sound",
    [
        {},
        {"strategy": canary(5, 25, 100), "analysis": analysis(check())},
        {"strategy": Rolling(), "analysis": analysis(check()), "watch_seconds": 60},
        {"strategy": Canary(steps=(CanaryStep(5), CanaryStep(100))), "analysis": analysis(check())},
        {"strategy": canary(50, 100, baseline=True), "analysis": analysis(check(compare=Compare()))},
        {"strategy": BlueGreen(), "target": STATIC},
        {"strategy": Recreate(), "target": STATIC, "critical": True},
        {"risk": "high", "target": STATIC},
    ],
)
def test_sound_settings_have_no_problem(sound: dict[str, Any]) -> None:
    assert problems(settings(**sound)) == ()


@pytest.mark.parametrize(
    ("wrong", "code", "path", "told"),
    [
        ({"strategy": canary(25, 5, 100)}, "weights-invalid", "strategy.canary.steps[1]", "weight 5 after 25"),
        ({"strategy": canary(5, 5, 100)}, "weights-invalid", "strategy.canary.steps[1]", "weights must grow"),
        ({"strategy": canary(5, 120)}, "weights-invalid", "strategy.canary.steps[1]", "not between 1 and 100"),
        ({"strategy": canary(0, 100)}, "weights-invalid", "strategy.canary.steps[0]", "not between 1 and 100"),
        ({"strategy": canary(5, 50)}, "weights-invalid", "strategy.canary.steps", "must be 100"),
        ({"strategy": canary()}, "weights-invalid", "strategy.canary.steps", "no steps"),
        ({"strategy": canary(100, mirror=101)}, "weights-invalid", "strategy.canary.mirror", "101"),
        ({"strategy": Canary(steps=(CanaryStep(5, -1), CanaryStep(100)))}, "time-invalid", "strategy.canary", "-1 s"),
        ({"strategy": BlueGreen(keep_old_seconds=-1)}, "time-invalid", "strategy.blue-green.keep_old", "-1 s"),
        ({"strategy": Rolling(max_surge=Amount())}, "rolling-stands-still", "strategy.rolling", "0 of 4 replicas"),
        ({"strategy": Rolling(max_surge=Amount(-1))}, "amount-invalid", "strategy.rolling.max_surge", "less"),
        ({"strategy": Recreate(), "critical": True}, "recreate-critical", "strategy", "'production' is critical"),
        ({"strategy": CANARY, "target": STATIC}, "strategy-unsupported", "strategy", "/srv/www"),
        ({"strategy": Rolling(), "target": STATIC}, "strategy-unsupported", "strategy", "recreate or blue-green"),
        ({"target": STATIC, "probes": (Probe("a", "/"),)}, "probe-unsupported", "probes", "no server"),
        ({"target": ProcessTarget("serve", replicas=0)}, "replicas-invalid", "target.replicas", "at least 1"),
        ({"deadline_seconds": 0}, "time-invalid", "deadline", "longer than nothing"),
        ({"watch_seconds": -1}, "time-invalid", "watch", "-1 s"),
        ({"analysis": analysis(interval_seconds=0)}, "time-invalid", "analysis.interval", "longer"),
        ({"probes": (Probe("a", "/"), Probe("a", "/x"))}, "probe-invalid", "probes", "two probes 'a'"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], code: str, path: str, told: str) -> None:
    (problem,) = problems(settings(**wrong))
    assert problem.code == code
    assert problem.path.startswith(path)
    assert told in problem.message


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metric": ""}, "either a query or a metric"),
        ({"query": "up"}, "either a query or a metric"),
        ({"metric": "happiness"}, "no metric 'happiness' is known (known: error-rate"),
        ({"max": None}, "could not fail"),
        ({"min": 2.0}, "min 2 is above max 0.01"),
        ({"budget": Budget(objective=1.0)}, "not between 0 and 1"),
        ({"failure_limit": -1}, "below 0"),
    ],
)
def test_wrong_checks_are_named(wrong: dict[str, Any], told: str) -> None:
    (problem,) = problems(settings(strategy=canary(5, 100), analysis=analysis(check(**wrong))))
    assert (problem.code, problem.path) == ("check-invalid", "analysis.checks[0]")
    assert told in problem.message


def test_two_checks_of_one_name_are_refused() -> None:
    (problem,) = problems(settings(strategy=canary(5, 100), analysis=analysis(check(), check())))
    assert "two checks 'rate'" in problem.message


@pytest.mark.parametrize("strategy", [Rolling(), BlueGreen(), canary(5, 100), None])
def test_comparison_needs_a_baseline(strategy: Any) -> None:
    found = problems(settings(strategy=strategy, analysis=analysis(check(compare=Compare())), watch_seconds=60))
    assert [each.code for each in found] == ["baseline-missing"]


@pytest.mark.parametrize(
    "blind",
    [
        {"strategy": Rolling()},
        {"strategy": Recreate(), "watch_seconds": 29},
        {"strategy": Canary(steps=(CanaryStep(5, 10), CanaryStep(50, 20), CanaryStep(100)))},
        {"strategy": BlueGreen(keep_old_seconds=30)},
    ],
)
def test_checks_that_would_never_see_a_sample_are_refused(blind: dict[str, Any]) -> None:
    (problem,) = problems(settings(**blind, analysis=analysis(check())))
    assert problem.code == "analysis-unseen"
    assert "30 s" in problem.message


def test_each_regions_own_target_is_looked_at() -> None:
    mixed = settings(strategy=CANARY, regions=("a", "b"), targets={"b": STATIC})
    (problem,) = problems(mixed)
    assert "targets.b" in problem.message
    assert problems(mixed, "a") == ()
    assert [each.code for each in problems(mixed, "b")] == ["strategy-unsupported"]
    unused = settings(strategy=CANARY, target=STATIC, regions=("a",), targets={"a": ProcessTarget("serve")})
    assert problems(unused) == (), "nobody uses the common target"
