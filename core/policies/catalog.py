"""What follows from what the catalog decided: an accepted trigger asks for its run."""

from core.aggregate import Send
from core.catalog.commands import IgnoreDelivery
from core.catalog.events import TriggerAccepted
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.topics import Topology
from core.runs.commands import RequestRun


def request_run(topology: Topology, envelope: EventEnvelope, event: TriggerAccepted) -> tuple[Send, ...]:
    if event.region not in topology.regions:
        detail = (
            f"app '{event.app}' is in region '{event.region}', which is not configured: {', '.join(topology.regions)}"
        )
        delivery = event.trigger.delivery_id or event.trigger.trigger_id
        ignore = IgnoreDelivery(delivery_id=delivery, code="region-unknown", detail=detail)
        return (Send(envelope.region, Stream.parse(envelope.stream), ignore),)
    command = RequestRun(
        app=event.app,
        number=event.number,
        trigger=event.trigger,
        repository_url=event.repository_url,
        default_branch=event.default_branch,
        pipeline_path=event.pipeline_path,
    )
    return (Send(event.region, Stream("run", event.run_id), command),)
