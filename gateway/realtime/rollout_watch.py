"""The whole document of a rollout, again whenever it or one of its deployments changed, until it is finished."""

from collections.abc import AsyncGenerator

from gateway.realtime.run_watch import document_pace, next_change
from gateway.state import GatewayState
from projections.queries.rollout_detail import rollout_detail
from projections.queries.rollout_types import RolloutDetail


async def rollout_documents(gateway: GatewayState, rollout_id: str) -> AsyncGenerator[RolloutDetail, None]:
    """The current document first, then each newer one (at `document_pace`), the finished one last."""
    version, pace = -1, document_pace()
    with gateway.hub.watch(f"rollout/{rollout_id}") as watch:
        while True:
            document = await rollout_detail(gateway.services.db, rollout_id)
            if document is None:
                return
            if watch.follow(_streams(document)):
                continue
            if document.version > version:
                version = document.version
                yield document
            if document.state == "finished":
                return
            await next_change(gateway, watch, pace)


def _streams(document: RolloutDetail) -> list[str]:
    place = f"environment/{document.app}/{document.environment}"
    return [
        *(f"{place}/{region}" for wave in document.waves for region in wave),
        *(f"deployment/{each.deployment_id}" for each in document.placements),
    ]
