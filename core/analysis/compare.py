"""Is the canary worse than the baseline that was started at the same time? As Kayenta does: Mann-Whitney.

The test asks whether values of one side tend to be larger, and needs no distribution. A difference that is
significant but small is borne: the medians must differ by more than the tolerance, too.
"""

from collections.abc import Sequence
from math import isnan
from statistics import median

from core.analysis.tally import Result
from core.environments.settings import Compare


def compare(rule: Compare, points: Sequence[tuple[float, float]]) -> tuple[Result, str]:
    """`points` are (canary, baseline), one pair a sample."""
    # Here and not above: scipy takes 100 MB of every process that imports it, and few deployments compare. And not
    # below: importing takes seconds, which the first sample can wait for and the decision to go back can't.
    from scipy.stats import mannwhitneyu

    if len(points) < rule.min_points:
        return "pending", f"{len(points)} of {rule.min_points} points"
    canary, baseline = [float(each) for each, _ in points], [float(each) for _, each in points]
    ours, theirs = median(canary), median(baseline)
    excess = ours - theirs if rule.worse == "higher" else theirs - ours
    told = f"median {ours:.6g} against the baseline's {theirs:.6g}"
    if excess <= rule.tolerance * abs(theirs):
        return "passed", told
    alternative = "greater" if rule.worse == "higher" else "less"
    chance = float(mannwhitneyu(canary, baseline, alternative=alternative).pvalue)
    if isnan(chance):
        return "inconclusive", f"{told}: no test of significance is possible"
    told = f"{told} (p = {chance:.4f}, alpha = {rule.alpha:g})"
    return ("failed" if chance < rule.alpha else "passed"), told
