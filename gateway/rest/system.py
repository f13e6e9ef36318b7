"""The platform itself: what it is and how far behind, checking a pipeline file, decisions."""

import asyncio

import msgspec
from fastapi import APIRouter, Request

from core.pipeline.document import read_pipeline
from core.pipeline.problems import Problem
from gateway.decisions import decision_document, decision_of, refusal
from gateway.dependencies import Gateway, IdPart
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decides
from gateway.rest.permissions import API
from gateway.state import GatewayState
from projections.queries.consistency import halted_partitions, read_offsets
from projections.queries.counts import counts
from projections.queries.decisions import events_of_command
from projections.queries.pools import list_agents

router = APIRouter(prefix=API, tags=["system"])
_FILE = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class System(msgspec.Struct, frozen=True, kw_only=True):
    """`event_lag_seconds` is the age of the newest event when this gateway saw it; `projection_lag_events` how many
    events seen here are not in the views yet; `halted` says where the views can't go on, and must be empty.
    `isolation` counts the agents that are there by how they isolate jobs.
    """

    version: str
    url: str
    regions: tuple[str, ...]
    partitions_per_region: int
    isolation: dict[str, int]
    event_lag_seconds: float
    projection_lag_events: int
    halted: dict[str, str]
    counts: dict[str, int]


class LintResult(msgspec.Struct, frozen=True):
    valid: bool
    problems: tuple[Problem, ...]


@router.get("/system", **answers(System))
async def system(gateway: Gateway) -> Json:
    """Version, regions, lag, and how much is going on."""
    services = gateway.services
    halted = await halted_partitions(services.db)
    return Json(
        System(
            version=services.settings.version,
            url=services.settings.public_url,
            regions=services.topology.regions,
            partitions_per_region=services.topology.partitions_per_region,
            isolation=await _isolation(gateway),
            event_lag_seconds=round(gateway.hub.lag_seconds, 3),
            projection_lag_events=await _projection_lag(gateway),
            halted={f"{each.topic}:{each.partition}": each.reason for each in halted},
            counts=await counts(services.db),
        )
    )


@router.post("/lint", openapi_extra={"requestBody": _FILE}, **answers(LintResult))
async def lint(request: Request) -> Json:
    """Check a pipeline file: the body is the file, as it is."""
    document = await asyncio.to_thread(read_pipeline, await request.body())
    return Json(LintResult(not document.problems, document.problems))


@router.get("/decisions/{command_id}", **decides())
async def get_decision(command_id: IdPart, gateway: Gateway) -> Json:
    """What became of a command that was not decided in time. A refusal is the same problem as if it came at once."""
    events = await events_of_command(gateway.services.db, command_id)
    if not events:
        raise ApiError(404, "decision-unknown", f"No decision of command '{command_id}' is known (yet).")
    decision = decision_of(events)
    if not decision.accepted:
        raise refusal(decision)
    return Json(decision_document(command_id, decision))


async def _isolation(gateway: GatewayState) -> dict[str, int]:
    found: dict[str, int] = {}
    for agent in await list_agents(gateway.services.db):
        found[agent.isolation] = found.get(agent.isolation, 0) + 1
    return found


async def _projection_lag(gateway: GatewayState) -> int:
    projected = await read_offsets(gateway.services.db)
    newest = gateway.hub.newest.items()
    return sum(max(0, offset + 1 - projected.get(partition, 0)) for partition, offset in newest)
