"""Judges samples: what one means for each check, and whether all so far are too much.

| answer of the source                             | result       | borne                                |
|--------------------------------------------------|--------------|--------------------------------------|
| a number within min, max, burn rate, comparison  | passed       |                                      |
| a number outside                                 | failed       | `failure_limit` in all               |
| nothing, NaN, or too few requests (or unknown)   | inconclusive | `inconclusive_limit` in a row        |
| an error, or no answer in time                   | error        | `consecutive_error_limit` in a row   |
| a number, but a comparison has too few points    | pending      | counts for nothing                   |

A row ends with a sample that passed or failed, so that errors and gaps in turns don't excuse each other. Nothing but
`passed` speaks for the release: a check without one when the analysis ends is inconclusive (`unproven`).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

import msgspec

from core.analysis.budget import burn_rate
from core.analysis.compare import compare
from core.analysis.tally import Judged, Tally, probe_key
from core.deployments.commands import Measurement, ProbeResult
from core.environments.settings import Check, Probe

FAILED, INCONCLUSIVE, ERRORS, PROBE = "analysis-failed", "analysis-inconclusive", "analysis-errors", "probe-failed"
_NOTHING = Tally()


class Breach(msgspec.Struct, frozen=True):
    """Why the release must go back. `code` is one of the four above."""

    check: str
    code: str
    detail: str
    value: float | None = None


def completed(asked: Iterable[str], measurements: Iterable[Measurement], missing: str) -> tuple[Measurement, ...]:
    """One measurement for each check that was asked for: no other, none twice, and NaN is no value."""
    found = {each.check: each for each in reversed(tuple(measurements))}
    return tuple(_finite(found.get(name) or Measurement(name, "error", detail=missing)) for name in asked)


def judge(
    checks: Sequence[Check],
    probes: Sequence[Probe],
    tallies: Mapping[str, Tally],
    measurements: Sequence[Measurement],
    results: Sequence[ProbeResult],
) -> tuple[Judged, ...]:
    """What the sample says about each of `checks` that was measured, and each of `probes`."""
    by_name = {check.name: check for check in checks}
    judged = [_check(by_name[each.check], tallies.get(each.check, _NOTHING), each) for each in measurements]
    return (*judged, *(_probe(probe, results) for probe in probes))


def first_breach(
    checks: Sequence[Check],
    tallies: Mapping[str, Tally],
    judged: Iterable[Judged],
    measurements: Iterable[Measurement],
    watching: bool = False,
) -> Breach | None:
    """Whether the sample that was just noted is one too many.

    `watching`: the release is complete, and only what speaks against it is a breach. No requests at night, or a metrics
    server that is away, is no reason to take back what was proven.
    """
    limits = {check.name: check for check in checks}
    values = {each.check: each.value for each in measurements}
    for each in judged:
        # A probe has the limits that a check has by default: its attempts are its patience.
        limit = limits.get(each.check) or Check(each.check)
        over = _over(limit, tallies[each.check])
        if over is not None and not (watching and over[0] != FAILED):
            code, told = over
            code = PROBE if code == FAILED and each.check not in limits else code
            return Breach(each.check, code, f"{each.check}: {each.detail} ({told})", values.get(each.check))
    return None


def unproven(checks: Iterable[Check], tallies: Mapping[str, Tally]) -> str:
    """The checks that never passed, with what they came to instead; empty if there is none."""
    found = [(check.name, tallies.get(check.name, _NOTHING)) for check in checks]
    return ", ".join(
        f"{name} ({tally.failed} failed, {tally.inconclusive} inconclusive, {tally.errors} errors)"
        for name, tally in found
        if tally.passed == 0
    )


def inconclusive(missing: str) -> Breach:
    """The analysis is over, and what is `missing` (see unproven) never passed."""
    return Breach("", INCONCLUSIVE, f"the analysis is over, and these never passed: {missing}")


def _finite(measurement: Measurement) -> Measurement:
    value = measurement.value
    if measurement.outcome == "value" and (value is None or not isfinite(value)):
        measurement = msgspec.structs.replace(measurement, outcome="empty", value=None)
    if measurement.baseline is not None and not isfinite(measurement.baseline):
        measurement = msgspec.structs.replace(measurement, baseline=None)
    return measurement


def _check(check: Check, tally: Tally, measurement: Measurement) -> Judged:
    if measurement.outcome == "error":
        return Judged(check.name, "error", measurement.detail or "the source gave no answer")
    gap = _gap(check, measurement)
    if gap or measurement.value is None:
        return Judged(check.name, "inconclusive", gap)
    value = float(measurement.value)
    outside = _outside(check, value)
    if outside:
        return Judged(check.name, "failed", outside)
    if check.compare is None:
        return Judged(check.name, "passed", f"{value:.6g}")
    if measurement.baseline is None:
        return Judged(check.name, "inconclusive", "the baseline gave no value")
    return Judged(check.name, *compare(check.compare, [*tally.points, (value, measurement.baseline)]))


def _gap(check: Check, measurement: Measurement) -> str:
    """Why the answer says nothing."""
    if measurement.outcome == "too-few" or (measurement.requests or 0) < check.min_samples:
        known = "an unknown number of" if measurement.requests is None else str(measurement.requests)
        return f"{known} requests in the window, {check.min_samples} are needed"
    if measurement.outcome == "empty" or measurement.value is None:
        return measurement.detail or "no value"
    return ""


def _outside(check: Check, value: float) -> str:
    if check.max is not None and value > check.max:
        return f"{value:.6g} is above {check.max:g}"
    if check.min is not None and value < check.min:
        return f"{value:.6g} is below {check.min:g}"
    if check.budget is not None and burn_rate(value, check.budget.objective) > check.budget.max_burn:
        burn = burn_rate(value, check.budget.objective)
        return f"the error budget burns at {burn:.4g} times its rate, more than {check.budget.max_burn:g}"
    return ""


def _probe(probe: Probe, results: Sequence[ProbeResult]) -> Judged:
    """Each instance has a result."""
    found = [each for each in results if each.name == probe.name]
    if not found:
        return Judged(probe_key(probe.name), "error", "the probe was not answered")
    failed = next((each for each in found if not each.ok), None)
    return Judged(probe_key(probe.name), "failed" if failed else "passed", failed.detail if failed else "")


def _over(check: Check, tally: Tally) -> tuple[str, str] | None:
    if tally.failed > check.failure_limit:
        return FAILED, f"{tally.failed} failed, {check.failure_limit} borne"
    if tally.inconclusive > check.inconclusive_limit:
        return INCONCLUSIVE, f"{tally.inconclusive} inconclusive in a row, {check.inconclusive_limit} borne"
    if tally.errors > check.consecutive_error_limit:
        return ERRORS, f"{tally.errors} errors in a row, {check.consecutive_error_limit} borne"
    return None
