"""Judges a recorded deployment's samples again, with the same thresholds or with others.

The samples are in the log as they were measured, so the same thresholds give the same verdict, and others say how it
would have gone: up to the sample at which it went back, for nobody measured what did not happen.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from core.analysis import judge
from core.analysis.judge import ERRORS, FAILED, INCONCLUSIVE, PROBE, Breach
from core.analysis.tally import Tally, note, probe_key
from core.deployments.events import AnalysisConcluded, RollbackTriggered, SampleRecorded, WatchStarted
from core.environments.settings import Check


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """passed: every check passed at least once, and none was breached; breach: `code`, and where one was to blame
    `check`, `value` and the number of the `sample`; open: neither, so far as it was measured (`samples` in all)."""

    outcome: Literal["passed", "breach", "open"]
    samples: int
    code: str = ""
    check: str = ""
    detail: str = ""
    value: float | None = None
    sample: int | None = None


def recorded_verdict(events: Iterable[Any]) -> Verdict:
    """What was decided then. `events` are the deployment's, in order; those of no concern are passed over."""
    samples, passed = 0, False
    for event in events:
        match event:
            case SampleRecorded():
                samples += 1
            case AnalysisConcluded(outcome="passed"):
                passed = True
            case RollbackTriggered(code=code) if code in (FAILED, INCONCLUSIVE, ERRORS) or _by_probe(event):
                return Verdict("breach", samples, code, event.check, event.detail, event.value, event.sample)
    return Verdict("passed" if passed else "open", samples)


def judge_again(checks: Sequence[Check], events: Iterable[Any]) -> Verdict:
    """What would be decided with `checks`. One that wasn't measured then has never passed."""
    tallies: dict[str, Tally] = {}
    samples, passed, watching = 0, False, False
    for event in events:
        match event:
            case SampleRecorded():
                samples += 1
                breach = _judge(checks, tallies, event, watching)
                if breach is not None:
                    return _breach(breach, samples, event.number)
            case AnalysisConcluded():
                missing = judge.unproven(checks, tallies)
                if missing:
                    return _breach(judge.inconclusive(missing), samples)
                passed = True
            case WatchStarted():
                watching = True
    return Verdict("passed" if passed else "open", samples)


def with_changes(checks: Sequence[Check], changes: Mapping[str, Mapping[str, Any]]) -> tuple[Check, ...]:
    """The checks with other limits, by name of the check (`{"error-rate": {"max": 0.005}}`). Raises ValueError."""
    known = {check.name for check in checks}
    for name, fields in changes.items():
        if name not in known:
            raise ValueError(f"there is no check '{name}' (there are: {', '.join(sorted(known)) or 'none'})")
        strange = set(fields) - set(Check.__struct_fields__)
        if strange:
            raise ValueError(f"check '{name}': a check has no '{sorted(strange)[0]}'")
    return tuple(msgspec.structs.replace(check, **changes.get(check.name, {})) for check in checks)


def _judge(checks: Sequence[Check], tallies: dict[str, Tally], event: SampleRecorded, watching: bool) -> Breach | None:
    names = {check.name for check in checks}
    measurements = tuple(each for each in event.measurements if each.check in names)
    probes = tuple(each for each in event.judged if each.check.startswith(probe_key("")))
    judged = (*judge.judge(checks, (), tallies, measurements, ()), *probes)
    note(tallies, judged, measurements)
    return judge.first_breach(checks, tallies, judged, measurements, watching)


def _breach(breach: Breach, samples: int, number: int | None = None) -> Verdict:
    return Verdict("breach", samples, breach.code, breach.check, breach.detail, breach.value, number)


def _by_probe(event: RollbackTriggered) -> bool:
    """A probe of a sample, not one of a step."""
    return event.code == PROBE and event.sample is not None
