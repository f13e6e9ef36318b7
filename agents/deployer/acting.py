"""One action of a deployment: the target is brought to the wished state, probed, and the deployment told."""

from collections.abc import Callable, Sequence

from agents.connectors.base import Result
from agents.deployer.reports import Reports
from agents.targets.base import Fence, Order, StaleEpoch, Superseded, Target, TargetFailed
from agents.targets.registry import Targets
from core.deployments.commands import ProbeResult, ReportTarget
from core.deployments.events import ActionRequested
from core.deployments.target_state import TargetStatus
from core.environments.settings import Probe
from core.eventlog.envelope import EventEnvelope, Stream
from core.ports import OutgoingRecord

# Sends each probe to each of the URLs; a result for each of both.
RunProbes = Callable[[Sequence[Probe], Sequence[str]], tuple[ProbeResult, ...]]
_UNKNOWN = TargetStatus()


class Acting:
    def __init__(self, targets: Targets[Target], run_probes: RunProbes, reports: Reports) -> None:
        self._targets = targets
        self._run_probes = run_probes
        self._reports = reports

    def act(self, event: EventEnvelope, asked: ActionRequested, newest: Callable[[], Fence]) -> Result:
        """The deployment's answer; none where a newer action of its own has made this one void.

        `newest` is what the environment was last asked for.
        """
        order = order_of(event, asked)
        target = None
        try:
            target = self._targets.of(order)
            status = target.converge(
                order, lambda: newest() > order.fence, lambda seen: self._reports.shifted(order, seen)
            )
            return self._probed(event, asked, target, status)
        except Superseded:
            return self._void(event, asked, StaleEpoch(order.fence, newest()))
        except StaleEpoch as error:
            return self._void(event, asked, error)
        except TargetFailed as error:
            status = _status(target)
            return self._answer(event, asked, status=status, code=error.code, detail=error.detail)

    def give_up(self, event: EventEnvelope, asked: ActionRequested, error: Exception) -> Sequence[OutgoingRecord]:
        detail = f"the deployer failed: {type(error).__name__}: {error}"
        return self._answer(event, asked, code="target-unavailable", detail=detail)

    def watch(self, deployment_id: str) -> None:
        for place in self._targets.places():
            place.watch(deployment_id)

    def finish(self, deployment_id: str, watched: bool) -> None:
        for place in self._targets.places():
            place.finish(deployment_id, watched)

    def _void(self, event: EventEnvelope, asked: ActionRequested, error: StaleEpoch) -> Result:
        if error.held[0] == asked.epoch:
            return ()
        return self._answer(event, asked, code=error.code, detail=str(error))

    def _probed(self, event: EventEnvelope, asked: ActionRequested, target: Target, status: TargetStatus) -> Result:
        results = self._probe(asked, target)
        failed = next((each for each in results if not each.ok), None)
        if failed is not None:
            detail = f"probe '{failed.name}': {failed.detail}"
            return self._answer(event, asked, status=status, probes=results, code="probe-failed", detail=detail)
        return self._answer(event, asked, status=status, probes=results)

    def _probe(self, asked: ActionRequested, target: Target) -> tuple[ProbeResult, ...]:
        """Each instance of the new release, past the proxy."""
        if not asked.probes:
            return ()
        urls = [each.url for each in target.addresses() if each.set_name == asked.release_id]
        if not urls:
            detail = f"no instance of {asked.release_id} has an address to ask"
            return tuple(ProbeResult(probe.name, False, detail=detail) for probe in asked.probes)
        return self._run_probes(asked.probes, urls)

    def _answer(
        self,
        event: EventEnvelope,
        asked: ActionRequested,
        *,
        status: TargetStatus = _UNKNOWN,
        probes: tuple[ProbeResult, ...] = (),
        code: str = "",
        detail: str = "",
    ) -> Sequence[OutgoingRecord]:
        now = self._reports.now()
        command = ReportTarget(
            epoch=asked.epoch,
            action=asked.action,
            ok=not code,
            status=status,
            probes=probes,
            code=code,
            detail=detail,
            at=now,
        )
        return [self._reports.answer(event, command)]


def order_of(event: EventEnvelope, asked: ActionRequested) -> Order:
    return Order(
        app=asked.app,
        environment=asked.environment,
        region=asked.region,
        deployment_id=Stream.parse(event.stream).id,
        epoch=asked.epoch,
        action=asked.action,
        wish=asked.wish,
        target=asked.target,
        event_id=event.event_id,
        correlation_id=event.correlation_id,
    )


def _status(target: Target | None) -> TargetStatus:
    try:
        return target.status() if target is not None else _UNKNOWN
    except TargetFailed:
        return _UNKNOWN
