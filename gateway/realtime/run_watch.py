"""The whole document of a run, again whenever it changed, until the run is finished."""

import asyncio
from collections.abc import AsyncGenerator

from core.pace import Pace
from gateway.errors import ApiError
from gateway.realtime.event_hub import StreamWatch
from gateway.state import GatewayState
from projections.queries.run_detail import run_detail
from projections.queries.run_types import RunDetail

# So often in the long run, and so many at once: what happens at the beginning of a run is seen at once.
SECONDS_BETWEEN = 0.1
AT_ONCE = 6
# The views are read this often even when no event was seen: a lost notice may delay, but never hide.
RECHECK_SECONDS = 10.0


async def run_documents(gateway: GatewayState, run_id: str) -> AsyncGenerator[RunDetail, None]:
    """The current document first, then each newer one (at `document_pace`), the finished one last."""
    version, pace = -1, document_pace()
    with gateway.hub.watch(f"run/{run_id}") as watch:
        while True:
            document = await run_detail(gateway.services.db, run_id)
            if document is None:
                return
            rollouts = (stage.rollout.id for stage in document.stages if stage.rollout is not None)
            locks = (lock for stage in document.stages for lock in stage.locks)
            places = (f"environment/{lock.app}/{lock.environment}/{lock.region}" for lock in locks)
            if watch.follow((*(f"rollout/{rollout}" for rollout in rollouts), *places)):
                continue
            if document.version > version:
                version = document.version
                yield document
            if document.state == "finished":
                return
            await next_change(gateway, watch, pace)


def document_pace() -> Pace:
    return Pace(SECONDS_BETWEEN, AT_ONCE)


async def next_change(gateway: GatewayState, watch: StreamWatch, pace: Pace) -> None:
    """Returns when the views may have something newer, and it is time to look."""
    await watch.wait(RECHECK_SECONDS)
    await asyncio.sleep(pace.seconds_to_wait(asyncio.get_running_loop().time()))
    for position in watch.newest():
        try:
            await gateway.gate.wait_for(position, RECHECK_SECONDS)
        except ApiError:
            return  # The views lag; what they have is read again, and the next change is waited for.
