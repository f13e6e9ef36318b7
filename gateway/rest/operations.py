"""Agents, pools, queue: what the platform has and what it is busy with."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from core.eventlog.envelope import Stream
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.pools.commands import DrainAgent
from gateway.dependencies import Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.paging import Limit
from gateway.rest.permissions import API
from gateway.writes import Target
from projections.queries import pools as pool_queries
from projections.queries.types import Agent, Pool, QueueEntry

router = APIRouter(prefix=API, tags=["operations"])


class Agents(msgspec.Struct, frozen=True):
    items: tuple[Agent, ...]


class Pools(msgspec.Struct, frozen=True):
    items: tuple[Pool, ...]


class Queue(msgspec.Struct, frozen=True):
    items: tuple[QueueEntry, ...]


@router.get("/agents", **answers(Agents))
async def list_agents(gateway: Gateway, gone: bool = False) -> Json:
    """Agents that are there; with `gone` also those that left or were lost."""
    return Json(Agents(await pool_queries.list_agents(gateway.services.db, gone)))


@router.get("/pools", **answers(Pools))
async def list_pools(gateway: Gateway) -> Json:
    return Json(Pools(await pool_queries.list_pools(gateway.services.db)))


@router.get("/queue", **answers(Queue))
async def list_queue(
    gateway: Gateway, region: Annotated[str | None, Query(max_length=60)] = None, limit: Limit = 200
) -> Json:
    """What waits for an agent, and why."""
    return Json(Queue(await pool_queries.list_queue(gateway.services.db, region, limit)))


@router.post("/pools/{region}/{pool}/agents/{agent}/drain", **decides())
async def drain_agent(region: NamePart, pool: NamePart, agent: IdPart, gateway: Gateway, write: Writing) -> Json:
    """No new jobs for this agent; it leaves when its last one ends."""
    regions = gateway.services.topology.regions
    if region not in regions:
        raise ApiError(404, "region-unknown", f"There is no region '{region}'. Configured are {', '.join(regions)}.")
    target = Target(Stream("pool", f"{region}/{pool}"), region, POOL_COMMANDS)
    return decided(await write.decide(target, DrainAgent(agent_id=agent)))
