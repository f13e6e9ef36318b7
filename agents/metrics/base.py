"""What the sampler asks of a source of metrics, and of whoever knows the instances. Sources: Prometheus, our scraper.

A source answers within the request's time or says that it could not; it never raises and never makes up a value.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from core.deployments.commands import Measurement, ProbeResult
from core.deployments.target_state import TargetStatus
from core.environments.settings import Check, Probe

BASELINE_SUFFIX = ".baseline"


class Place(NamedTuple):
    """One environment of an app in one region: what a target keeps."""

    app: str
    environment: str
    region: str

    def __str__(self) -> str:
        return "/".join(self)


class Instance(NamedTuple):
    """One running instance of the set `set_name`. `url` is where it itself answers, past the proxy."""

    place: Place
    set_name: str
    release_id: str
    url: str
    ready: bool = True
    metrics_path: str = "/metrics"


class NotKnown(Exception):
    """The target can't say what is there; the text is its reason."""


class Instances(Protocol):
    """Where the instances of this region are. Read from the targets at every call, never remembered."""

    def of(self, place: Place) -> Sequence[Instance]:
        """Those of one place, ready or not. Raises NotKnown."""
        ...

    def everywhere(self) -> Sequence[Instance]:
        """Those of all places. Raises NotKnown."""
        ...

    def status(self, place: Place) -> TargetStatus:
        """As Target.status. Raises NotKnown."""
        ...


class MeasureRequest(NamedTuple):
    """Measure `checks` of the set `canary`, and of the set `baseline` where there is one, over the last
    `window_seconds`; answer within `timeout_seconds`."""

    place: Place
    canary: str
    baseline: str
    checks: tuple[Check, ...]
    window_seconds: float
    timeout_seconds: float


class Counted(NamedTuple):
    """Requests of the canary: in the window, and since it was started. None where nobody knows."""

    in_window: int | None = None
    total: int | None = None


class MetricsSource(Protocol):
    """Measurements come in the order of the checks. Without `requests`: the sampler adds them."""

    def measure(self, request: MeasureRequest) -> tuple[Measurement, ...]: ...

    def counted(self, request: MeasureRequest) -> Counted: ...


class RunProbes(Protocol):
    """Sends each probe to each of the URLs; a result for each of both."""

    def __call__(self, probes: Sequence[Probe], urls: Sequence[str]) -> tuple[ProbeResult, ...]: ...


class Answer(NamedTuple):
    """What one query of a source came to."""

    value: float | None = None
    error: str = ""
    detail: str = ""

    @classmethod
    def of(cls, value: float) -> "Answer":
        """NaN is no value, and infinity none that could be compared or stored."""
        if math.isfinite(value):
            return cls(value)
        return cls(
            detail="the answer is NaN (nothing to divide by?)" if math.isnan(value) else f"the answer is {value}"
        )


def measurement(check: Check, canary: Answer, baseline: Answer | None) -> Measurement:
    """Both sides of a check. A baseline that can't be had leaves the canary's value as it is, and is explained."""
    beside = baseline or Answer()
    reasons = [canary.error or canary.detail]
    reasons += [f"baseline: {reason}" for reason in (beside.error or beside.detail,) if reason]
    outcome = "error" if canary.error else "empty" if canary.value is None else "value"
    return Measurement(
        check=check.name,
        outcome=outcome,  # type: ignore[arg-type]
        value=canary.value,
        baseline=beside.value,
        detail="; ".join(filter(None, reasons)),
    )


def failed(request: MeasureRequest, reason: str) -> tuple[Measurement, ...]:
    """The answer of a source that could not answer at all."""
    return tuple(Measurement(check=check.name, outcome="error", detail=reason) for check in request.checks)
