"""What a sample means: only a number within its limits speaks for the release."""

from typing import Any

import pytest

from core.analysis.judge import Breach, completed, first_breach, judge, unproven
from core.analysis.tally import MOST_POINTS, Judged, Tally, note
from core.deployments.commands import Measurement, ProbeResult
from core.environments.settings import Budget, Check, Compare, Probe

RATE = Check("rate", metric="error-rate", max=0.01)
NAN, INFINITE = float("nan"), float("inf")


def value(number: float | None, **more: Any) -> Measurement:
    return Measurement("rate", "value", number, **more)


def one(check: Check, measurement: Measurement, tally: Tally | None = None) -> Judged:
    (judged,) = judge([check], (), {check.name: tally or Tally()}, [measurement], ())
    return judged


class Analysis:
    """Samples one after the other."""

    def __init__(self, *checks: Check, probes: tuple[Probe, ...] = ()) -> None:
        self.checks, self.probes = checks, probes
        self.tallies: dict[str, Tally] = {}

    def sample(self, *measured: Measurement, results: tuple[ProbeResult, ...] = ()) -> Breach | None:
        measurements = completed((check.name for check in self.checks), measured, "no answer")
        judged = judge(self.checks, self.probes, self.tallies, measurements, results)
        note(self.tallies, judged, measurements)
        return first_breach(self.checks, self.tallies, judged, measurements)


@pytest.mark.parametrize(
    ("limits", "number", "result"),
    [
        ({"max": 0.01}, 0.01, "passed"),
        ({"max": 0.01}, 0.0101, "failed"),
        ({"min": 10.0}, 10.0, "passed"),
        ({"min": 10.0}, 9.0, "failed"),
        ({"min": 1.0, "max": 2.0}, 1.5, "passed"),
        ({"min": 1.0, "max": 2.0}, 3.0, "failed"),
        ({"budget": Budget(objective=0.999)}, 0.0143, "passed"),
        ({"budget": Budget(objective=0.999)}, 0.0145, "failed"),
        ({"max": 0.5, "budget": Budget(objective=0.999, max_burn=1000)}, 0.6, "failed"),
    ],
)
def test_number_is_held_against_all_limits(limits: dict[str, Any], number: float, result: str) -> None:
    assert one(Check("rate", metric="error-rate", **limits), value(number)).result == result


@pytest.mark.parametrize(
    "measured",
    [
        Measurement("rate", "empty"),
        Measurement("rate", "too-few", 0.0, requests=3),
        value(None),
    ],
)
def test_nothing_is_never_a_pass(measured: Measurement) -> None:
    assert one(RATE, measured).result == "inconclusive"


@pytest.mark.parametrize("number", [NAN, INFINITE, -INFINITE])
def test_what_is_no_number_is_no_value(number: float) -> None:
    (measured,) = completed(["rate"], [value(number, baseline=number)], "")
    assert (measured.outcome, measured.value, measured.baseline) == ("empty", None, None)


def test_errors_and_silence_are_errors() -> None:
    assert one(RATE, Measurement("rate", "error", detail="503 of prometheus")).detail == "503 of prometheus"
    (missing,) = completed(["rate"], [], "no answer")
    assert (missing.outcome, missing.detail) == ("error", "no answer")


def test_first_of_two_answers_counts_and_strange_ones_do_not() -> None:
    answers = [value(0.5), value(0.0), Measurement("other", "value", 1.0)]
    assert completed(["rate"], answers, "") == (value(0.5),)


@pytest.mark.parametrize(
    ("requests", "result"), [(19, "inconclusive"), (20, "passed"), (None, "inconclusive"), (0, "inconclusive")]
)
def test_too_few_requests_say_nothing(requests: int | None, result: str) -> None:
    check = Check("rate", metric="error-rate", max=0.01, min_samples=20)
    assert one(check, value(0.0, requests=requests)).result == result


def test_each_limit_is_borne_and_not_more() -> None:
    check = Check("rate", metric="error-rate", max=0.01, failure_limit=1, inconclusive_limit=1)
    analysis = Analysis(check)
    assert analysis.sample(value(0.5)) is None
    assert analysis.sample(value(0.0)) is None
    breach = analysis.sample(value(0.5))
    assert breach == Breach("rate", "analysis-failed", "rate: 0.5 is above 0.01 (2 failed, 1 borne)", 0.5)


def test_row_ends_only_with_a_sample_that_says_something() -> None:
    analysis = Analysis(Check("rate", metric="error-rate", max=0.01, inconclusive_limit=2, consecutive_error_limit=2))
    for _ in range(2):
        assert analysis.sample(Measurement("rate", "empty")) is None
        assert analysis.sample(Measurement("rate", "error")) is None
    breach = analysis.sample(Measurement("rate", "error"))
    assert breach is not None
    assert breach.code == "analysis-errors"
    other = Analysis(Check("rate", metric="error-rate", max=0.01, inconclusive_limit=1))
    for _ in range(5):
        assert other.sample(Measurement("rate", "empty")) is None
        assert other.sample(value(0.0)) is None


def test_check_that_never_passed_is_unproven() -> None:
    patient = Check("rate", metric="error-rate", max=0.01, failure_limit=9, inconclusive_limit=9)
    analysis = Analysis(patient)
    assert unproven([patient], {}) == "rate (0 failed, 0 inconclusive, 0 errors)"
    analysis.sample(value(0.5))
    analysis.sample(Measurement("rate", "empty"))
    assert unproven([patient], analysis.tallies) == "rate (1 failed, 1 inconclusive, 0 errors)"
    analysis.sample(value(0.0))
    assert unproven([patient], analysis.tallies) == ""


def test_comparison_that_has_too_few_points_counts_for_nothing() -> None:
    check = Check("rate", metric="error-rate", compare=Compare(min_points=5), inconclusive_limit=0)
    analysis = Analysis(check)
    for _ in range(4):
        assert analysis.sample(value(1.0, baseline=1.0)) is None
        assert analysis.tallies["rate"] != Tally()
        assert unproven([check], analysis.tallies)
    assert analysis.sample(value(1.0, baseline=1.0)) is None
    assert not unproven([check], analysis.tallies)


def test_comparison_without_a_baselines_value_is_inconclusive() -> None:
    assert one(Check("rate", metric="error-rate", compare=Compare()), value(1.0)).result == "inconclusive"


def test_threshold_holds_before_there_is_anything_to_compare() -> None:
    check = Check("rate", metric="error-rate", max=0.5, compare=Compare())
    assert one(check, value(0.9, baseline=0.9)).result == "failed"


def test_probe_needs_a_good_result_of_every_instance() -> None:
    probe = Probe("home", "/", when=("during",))
    analysis = Analysis(probes=(probe,))
    assert analysis.sample(results=(ProbeResult("home", True), ProbeResult("home", True))) is None
    bad = ProbeResult("home", False, detail="expected 200, got 500")
    breach = analysis.sample(results=(ProbeResult("home", True), bad))
    assert breach is not None
    assert (breach.check, breach.code) == ("probe:home", "probe-failed")


def test_tally_does_not_grow_without_bound() -> None:
    tally = Tally()
    for number in range(MOST_POINTS + 10):
        tally.note("passed", float(number), 0.0)
    assert len(tally.points) == MOST_POINTS
    assert tally.points[-1] == (MOST_POINTS + 9.0, 0.0)
