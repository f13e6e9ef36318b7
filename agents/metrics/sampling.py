"""One sample: the checks, the requests and the probes side by side, all within the sample's time.

What can't be had is an error with its reason, never left out and never a value.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from typing import NamedTuple, TypeVar

import msgspec

from agents.metrics.base import Counted, Instances, MeasureRequest, MetricsSource, NotKnown, Place, RunProbes, failed
from agents.metrics.requests import ProxyCounts
from core.deployments.commands import Measurement, ProbeResult
from core.deployments.events import SampleRequested
from core.environments.settings import Check, Probe

# Beyond a sample's own time: what its parts take to notice that it is over.
GRACE_SECONDS = 0.5
_PARTS_AT_ONCE = 24
_log = logging.getLogger("sealane.sampler")
PartT = TypeVar("PartT")


class Sources(NamedTuple):
    """`usual` measures where a deployment names no source; `named` makes one of a URL."""

    usual: MetricsSource
    named: Callable[[str], MetricsSource]

    def of(self, url: str) -> MetricsSource:
        return self.named(url) if url else self.usual


class Sample(NamedTuple):
    measurements: tuple[Measurement, ...]
    probes: tuple[ProbeResult, ...]
    total_requests: int | None


class Sampling:
    """Any thread may take samples."""

    def __init__(self, instances: Instances, sources: Sources, run_probes: RunProbes) -> None:
        self._instances = instances
        self._sources = sources
        self._run_probes = run_probes
        self._counts = ProxyCounts()
        self._pool = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="sampling")

    def note(self, place: Place) -> None:
        """Remember what the proxy has counted by now, so that later counts have something to grow from."""
        try:
            self._counts.note(place, self._instances.status(place), time.monotonic())
        except NotKnown as error:
            _log.info("the requests of %s are not known: %s", place, error)

    def sample(self, asked: SampleRequested) -> Sample:
        request = request_of(asked)
        source = self._sources.of(asked.source)
        ends = time.monotonic() + request.timeout_seconds + GRACE_SECONDS
        measuring = self._pool.submit(source.measure, request)
        counting = self._pool.submit(self._count, source, request)
        probing = self._pool.submit(self._probe, request, asked.probes)
        late = f"no answer within {request.timeout_seconds:g} s"
        measurements = _result(measuring, ends, lambda reason: failed(request, reason or late))
        counted = _result(counting, ends, lambda reason: Counted())
        probes = _result(probing, ends, lambda reason: _failed_probes(asked.probes, reason or late))
        return Sample(_with_requests(asked.checks, measurements, counted.in_window), probes, counted.total)

    def _count(self, source: MetricsSource, request: MeasureRequest) -> Counted:
        """The proxy's count; where it has none, the instances' own."""
        self.note(request.place)
        seen = self._counts.counted(request.place, request.canary, time.monotonic() - request.window_seconds)
        if None not in seen:
            return seen
        told = source.counted(request)
        return Counted(*(theirs if ours is None else ours for ours, theirs in zip(seen, told, strict=True)))

    def _probe(self, request: MeasureRequest, probes: tuple[Probe, ...]) -> tuple[ProbeResult, ...]:
        if not probes:
            return ()
        try:
            found = self._instances.of(request.place)
        except NotKnown as error:
            return _failed_probes(probes, str(error))
        urls = [each.url for each in found if each.set_name == request.canary and each.ready]
        if not urls:
            return _failed_probes(probes, f"no instance of {request.canary} is ready")
        return self._run_probes(probes, urls)


def request_of(asked: SampleRequested) -> MeasureRequest:
    return MeasureRequest(
        place=Place(asked.app, asked.environment, asked.region),
        canary=asked.canary,
        baseline=asked.baseline,
        checks=asked.checks,
        window_seconds=asked.window_seconds,
        timeout_seconds=asked.timeout_seconds,
    )


def _result(part: "Future[PartT]", ends: float, instead: Callable[[str], PartT]) -> PartT:
    """What the part came to, or `instead(reason)`; no reason: it was not in time."""
    try:
        return part.result(max(0.0, ends - time.monotonic()))
    except NotInTime:
        part.cancel()
        return instead("")
    except Exception as error:
        _log.exception("a part of a sample failed")
        return instead(f"{type(error).__name__}: {error}")


def _with_requests(
    checks: Sequence[Check], measurements: Sequence[Measurement], requests: int | None
) -> tuple[Measurement, ...]:
    needed = {check.name: check.min_samples for check in checks}
    return tuple(_with_count(each, needed.get(each.check, 0), requests) for each in measurements)


def _with_count(measured: Measurement, needed: int, requests: int | None) -> Measurement:
    """A value of too few requests keeps its number, for people to look at."""
    counted = msgspec.structs.replace(measured, requests=requests)
    if measured.outcome != "value" or (requests or 0) >= needed:
        return counted
    known = "the number of requests is not known" if requests is None else f"{requests} requests in the window"
    return msgspec.structs.replace(counted, outcome="too-few", detail=f"{known}, {needed} are needed")


def _failed_probes(probes: Sequence[Probe], reason: str) -> tuple[ProbeResult, ...]:
    return tuple(ProbeResult(name=probe.name, ok=False, detail=reason) for probe in probes)
