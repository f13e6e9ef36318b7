"""What one running gateway shares between its requests. Built by create_app from the injected services."""

import asyncio
from dataclasses import dataclass, field

from gateway.auth import Authenticator
from gateway.consistency import ProjectionGate
from gateway.idempotency import DecisionMemory
from gateway.metrics import GatewayMetrics
from gateway.realtime.event_hub import EventHub
from gateway.realtime.log_gap import GapReader
from gateway.realtime.log_tail import LogTail
from gateway.realtime.log_viewer import LogSources
from gateway.services import GatewayServices
from projections.queries.attempts import AttemptState, attempt_state
from projections.queries.consistency import read_offsets
from projections.queries.logs import archived_log

# Each is held in memory once, while it is written to the object store.
UPLOADS_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class GatewayState:
    """`closing` is set when the process is asked to stop: streams end themselves then."""

    services: GatewayServices
    metrics: GatewayMetrics
    authenticator: Authenticator
    gate: ProjectionGate
    hub: EventHub
    log_tail: LogTail
    logs: LogSources
    decisions: DecisionMemory
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_AT_ONCE))
    closing: asyncio.Event = field(default_factory=asyncio.Event)


def make_state(services: GatewayServices, authenticator: Authenticator) -> GatewayState:
    metrics = GatewayMetrics(services.registry)
    log_tail = LogTail(services.log_readers, services.topology, metrics.log_tail_lag.set)
    return GatewayState(
        services=services,
        metrics=metrics,
        authenticator=authenticator,
        gate=ProjectionGate(lambda: read_offsets(services.db)),
        hub=EventHub(services.tail, (authenticator.observe,)),
        log_tail=log_tail,
        logs=_log_sources(services, log_tail, metrics),
        decisions=DecisionMemory(),
    )


def _log_sources(services: GatewayServices, tail: LogTail, metrics: GatewayMetrics) -> LogSources:
    async def newest(attempt: AttemptState) -> AttemptState:
        return await attempt_state(services.db, attempt.run_id, attempt.job_id, attempt.attempt) or attempt

    return LogSources(
        topology=services.topology,
        archived=lambda key: archived_log(services.db, key),
        newest=newest,
        objects=services.objects,
        gaps=GapReader(services.log_readers),
        tail=tail,
        on_reread=metrics.log_rereads.inc,
    )
