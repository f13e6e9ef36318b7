"""Strategies that a target can't follow, or that would let everything through, are refused with their reason."""

from typing import Any

import pytest

from core.deployments.validation import problems
from core.environments.settings import (
    Amount,
    Analysis,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    Compare,
    ProcessTarget,
    Recreate,
    Rolling,
)
from tests.unit.deployments.scenes import CANARY, STATIC, settings


def canary(*weights: int, **more: Any) -> Canary:
    return Canary(steps=tuple(CanaryStep(weight, 600) for weight in weights), **more)


def analysis(**more: Any) -> Analysis:
    plain: dict[str, Any] = {"name": "rate", "metric": "error-rate", "max": 0.01}
    return Analysis(checks=(Check(**(plain | more)),))


@pytest.mark.parametrize(
    "sound",
    [
        {},
        {"strategy": canary(5, 25, 100), "analysis": analysis()},
        {"strategy": Rolling(), "analysis": analysis(), "watch_seconds": 60},
        {"strategy": Canary(steps=(CanaryStep(5), CanaryStep(100))), "analysis": analysis()},
        {"strategy": canary(50, 100, baseline=True), "analysis": analysis(compare=Compare())},
        {"strategy": BlueGreen(), "target": STATIC},
        {"strategy": Recreate(), "target": STATIC, "critical": True},
        {"risk": "high", "target": STATIC},
    ],
)
def test_sound_settings_have_no_problem(sound: dict[str, Any]) -> None:
    assert problems(settings(**sound)) == ()


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        ({"strategy": Rolling(max_surge=Amount())}, "rolling-stuck", "0 of 4 replicas"),
        ({"strategy": Recreate(), "critical": True}, "recreate-refused", "is critical"),
        ({"strategy": CANARY, "target": STATIC}, "strategy-unfit", "/srv/www"),
        ({"strategy": Rolling(), "target": STATIC}, "strategy-unfit", "recreate or blue-green"),
    ],
)
def test_strategies_that_do_not_fit_are_named(wrong: dict[str, Any], code: str, told: str) -> None:
    (problem,) = problems(settings(**wrong))
    assert (problem.code, problem.path) == (code, "strategy")
    assert told in problem.message


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
    (problem,) = problems(settings(**blind, analysis=analysis()))
    assert (problem.code, problem.path) == ("analysis-unseen", "analysis.checks")
    assert "30 s" in problem.message


def test_each_regions_own_target_is_looked_at() -> None:
    mixed = settings(strategy=CANARY, regions=("a", "b"), targets={"b": STATIC})
    (problem,) = problems(mixed)
    assert "/srv/www" in problem.message
    assert problems(mixed, "a") == ()
    assert [each.code for each in problems(mixed, "b")] == ["strategy-unfit"]
    unused = settings(strategy=CANARY, target=STATIC, regions=("a",), targets={"a": ProcessTarget("serve")})
    assert problems(unused) == (), "nobody uses the common target"
