"""Regions: what each of them has and does, and moving its work away and back on purpose."""

import asyncio

import msgspec
from fastapi import APIRouter

from core.cluster import leaders_away, leaders_home
from core.eventlog.envelope import Stream
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.pools.commands import ConfigurePool, EvacuatePool, RestorePool
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.regions import Region, region_documents
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.inputs import PoolSettings
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Target, Write
from projections.queries.pools import list_pools

router = APIRouter(prefix=API, tags=["regions"])
DEFAULT_POOL = "default"


class Regions(msgspec.Struct, frozen=True):
    items: tuple[Region, ...]


@router.get("/regions", **answers(Regions))
async def list_regions(gateway: Gateway) -> Json:
    """Leaders, replicas in sync, lag, agents and evacuations of each region."""
    return Json(Regions(await _documents(gateway)))


@router.post("/regions/{region}/evacuate", **answers(Region))
async def evacuate(region: NamePart, gateway: Gateway, write: Writing) -> Json:
    """Give the region's work away: waiting jobs move to fallback pools, leaders to other brokers; running jobs end.

    Repeating it finishes what was left undone.
    """
    await _tell_pools(gateway, write, region, EvacuatePool(by=write.actor))
    cluster = gateway.services.cluster
    state = await asyncio.to_thread(cluster.state)
    await asyncio.to_thread(cluster.lead, leaders_away(state, region))
    return Json(await _document(gateway, region))


@router.post("/regions/{region}/restore", **answers(Region))
async def restore(region: NamePart, gateway: Gateway, write: Writing) -> Json:
    """The end of an evacuation: leaders and waiting jobs come back."""
    await _tell_pools(gateway, write, region, RestorePool(by=write.actor))
    services = gateway.services
    state = await asyncio.to_thread(services.cluster.state)
    await asyncio.to_thread(services.cluster.lead, leaders_home(state, services.topology, region))
    return Json(await _document(gateway, region))


@router.patch("/pools/{region}/{pool}", **decides())
async def configure_pool(
    region: NamePart, pool: NamePart, settings: PoolSettings, gateway: Gateway, write: Writing
) -> Json:
    """Where the pool's waiting jobs go when it is evacuated, and when that happens by itself."""
    _check_region(gateway, region)
    for name in settings.fallback:
        _check_region(gateway, name.partition("/")[0])
    command = ConfigurePool(fallback=tuple(settings.fallback), evacuate_after_seconds=settings.evacuate_after_seconds)
    return decided(await write.decide(_target(region, pool), command))


async def _tell_pools(gateway: GatewayState, write: Write, region: str, command: EvacuatePool | RestorePool) -> None:
    """Every pool of the region that is known; the views show the effect afterwards."""
    _check_region(gateway, region)
    pools = {pool.name for pool in await list_pools(gateway.services.db) if pool.region == region}
    for pool in sorted(pools | {DEFAULT_POOL}):
        answer = await write.part(pool).decide(_target(region, pool), command)
        await gateway.gate.wait_for(answer.decision.position, gateway.services.settings.read_timeout_seconds)


def _target(region: str, pool: str) -> Target:
    return Target(Stream("pool", f"{region}/{pool}"), region, POOL_COMMANDS)


def _check_region(gateway: GatewayState, region: str) -> None:
    regions = gateway.services.topology.regions
    if region not in regions:
        raise ApiError(404, "region-unknown", f"There is no region '{region}'. Configured are {', '.join(regions)}.")


async def _documents(gateway: GatewayState) -> tuple[Region, ...]:
    services = gateway.services
    state = await asyncio.to_thread(services.cluster.state)
    return region_documents(services.topology, state, await list_pools(services.db))


async def _document(gateway: GatewayState, region: str) -> Region:
    return next(each for each in await _documents(gateway) if each.name == region)
