"""A canary against its baseline."""

import subprocess
import sys

import pytest

from core.analysis.budget import burn_rate
from core.analysis.compare import compare
from core.environments.settings import Compare
from tests.support.sources import ROOT

SAME = [0.20, 0.22, 0.19, 0.21, 0.20, 0.23]
WORSE = [0.40, 0.44, 0.39, 0.41, 0.45, 0.43]


def pairs(canary: list[float], baseline: list[float]) -> list[tuple[float, float]]:
    return list(zip(canary, baseline, strict=True))


def test_canary_that_is_clearly_worse_fails_and_says_by_how_much() -> None:
    result, told = compare(Compare(), pairs(WORSE, SAME))
    assert result == "failed"
    assert told.startswith("median 0.42 against the baseline's 0.205 (p = 0.00")


@pytest.mark.parametrize("canary", [SAME, [each / 2 for each in SAME], [0.0] * 6])
def test_canary_that_is_as_good_or_better_passes(canary: list[float]) -> None:
    assert compare(Compare(), pairs(canary, SAME))[0] == "passed"


def test_worse_may_mean_lower() -> None:
    throughput = Compare(worse="lower")
    assert compare(throughput, pairs(SAME, WORSE))[0] == "failed"
    assert compare(throughput, pairs(WORSE, SAME))[0] == "passed"


def test_small_difference_is_borne_however_sure() -> None:
    slightly = [each * 1.05 for each in SAME]
    assert compare(Compare(tolerance=0.1), pairs(slightly * 30, SAME * 30))[0] == "passed"
    assert compare(Compare(tolerance=0.01), pairs(slightly * 30, SAME * 30))[0] == "failed"


def test_large_difference_that_may_be_chance_is_no_failure() -> None:
    noisy = [0.1, 0.9, 0.15, 0.8, 0.95]
    assert compare(Compare(), pairs(noisy, [0.2, 0.7, 0.1, 0.85, 0.5]))[0] == "passed"


def test_too_few_points_are_waited_for() -> None:
    assert compare(Compare(min_points=7), pairs(WORSE, SAME)) == ("pending", "6 of 7 points")


def test_all_equal_values_pass() -> None:
    assert compare(Compare(), [(0.0, 0.0)] * 10)[0] == "passed"


def test_chance_is_that_of_the_literature() -> None:
    """Mann and Whitney's U of 25 for two groups of 5 without overlap: one arrangement of 252 is as extreme."""
    points = pairs([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])
    assert f"p = {1 / 252:.4f}" in compare(Compare(), points)[1]
    assert compare(Compare(alpha=1 / 252 + 1e-6), points)[0] == "failed"
    assert compare(Compare(alpha=1 / 252 - 1e-6), points)[0] == "passed"


def test_two_percent_of_a_months_budget_in_an_hour_is_a_burn_rate_of_14_4() -> None:
    objective, month, hour = 0.999, 30 * 24 * 3600, 3600
    ratio = 0.02 * (1 - objective) * month / hour
    assert burn_rate(ratio, objective) == pytest.approx(14.4)


def test_processors_do_not_load_scipy_until_somebody_compares() -> None:
    code = "import sys, core.aggregates; assert 'scipy' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
