"""What was measured of each deployment: samples, and the answer to each check in them."""

from core.deployments.events import SampleRecorded, SampleRequested
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.deployments import deployments, measurements, samples
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("deployment")


@HANDLERS.on(SampleRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: SampleRequested = fact.message
    checks = as_json(message.checks)
    changes.put(samples, deployment_id=fact.id, number=message.number, checks=checks, requested_at=fact.at)


@HANDLERS.on(SampleRecorded)
def recorded(fact: Fact, changes: Changes) -> None:
    message: SampleRecorded = fact.message
    changes.set(
        samples,
        (fact.id, message.number),
        recorded_at=fact.at,
        total_requests=message.total_requests,
        probes=as_json(message.probes),
        judged=as_json(message.judged),
    )
    if message.total_requests is not None:
        changes.set(deployments, (fact.id,), requests=message.total_requests)
    results = {each.check: each.result for each in message.judged}
    for each in message.measurements:
        changes.put(
            measurements,
            deployment_id=fact.id,
            check_name=each.check,
            number=message.number,
            outcome=each.outcome,
            value=each.value,
            baseline=each.baseline,
            requests=each.requests,
            detail=each.detail,
            result=results.get(each.check, ""),
            recorded_at=fact.at,
        )
