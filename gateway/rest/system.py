"""The platform itself: what it is and how far behind, checking a pipeline file, decisions, health."""

import asyncio
from collections.abc import Mapping

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from core.pipeline.document import read_pipeline
from core.pipeline.problems import Problem
from gateway.decisions import DecisionDocument, decision_document, decision_of
from gateway.dependencies import Gateway, IdPart
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers
from gateway.rest.permissions import API
from gateway.state import GatewayState
from projections.queries.consistency import halted_partitions
from projections.queries.counts import counts
from projections.queries.decisions import events_of_command

router = APIRouter(prefix=API, tags=["system"])
open_router = APIRouter(tags=["health"])
CHECK_SECONDS = 3.0


class System(msgspec.Struct, frozen=True, kw_only=True):
    """`event_lag_seconds` is the age of the newest event when this gateway saw it; `halted` must be empty."""

    version: str
    url: str
    regions: tuple[str, ...]
    partitions_per_region: int
    isolation: str
    event_lag_seconds: float
    halted: dict[str, str]
    counts: dict[str, int]


class LintResult(msgspec.Struct, frozen=True):
    valid: bool
    problems: tuple[Problem, ...]


class Readiness(msgspec.Struct, frozen=True):
    """`checks` says "ok" or why not, by name."""

    ready: bool
    checks: Mapping[str, str]


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
            isolation=services.settings.isolation,
            event_lag_seconds=round(gateway.hub.lag_seconds, 3),
            halted={f"{each.topic}:{each.partition}": each.reason for each in halted},
            counts=await counts(services.db),
        )
    )


@router.post("/lint", **answers(LintResult))
async def lint(request: Request) -> Json:
    """Check a pipeline file: the body is the file, as it is."""
    document = await asyncio.to_thread(read_pipeline, await request.body())
    return Json(LintResult(not document.problems, document.problems))


@router.get("/decisions/{command_id}", **answers(DecisionDocument))
async def get_decision(command_id: IdPart, gateway: Gateway) -> Json:
    """What became of a command that was not decided in time."""
    events = await events_of_command(gateway.services.db, command_id)
    if not events:
        raise ApiError(404, "decision-not-found", f"No decision of command '{command_id}' is known (yet).")
    return Json(decision_document(command_id, decision_of(events)))


@open_router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


@open_router.get("/readyz", **answers(Readiness))
async def readyz(gateway: Gateway) -> Json:
    """503 while something that requests need is away; says what."""
    names = list(gateway.services.checks)
    results = await asyncio.gather(*(_check(gateway, name) for name in names))
    readiness = Readiness(all(result == "ok" for result in results), dict(zip(names, results, strict=True)))
    return Json(readiness, 200 if readiness.ready else 503)


async def _check(gateway: GatewayState, name: str) -> str:
    try:
        await asyncio.wait_for(gateway.services.checks[name](), CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "ok"


@open_router.get("/metrics")
async def metrics(gateway: Gateway) -> Response:
    """Prometheus text format."""
    gateway.metrics.event_tail_lag.set(gateway.hub.lag_seconds)
    return Response(gateway.metrics.exposition(), media_type=gateway.metrics.content_type)


@open_router.get("/", include_in_schema=False)
async def home() -> HTMLResponse:
    return HTMLResponse(
        "<!doctype html><meta charset=utf-8><title>Sealane</title><h1>Sealane</h1>"
        "<p>A git push becomes a finished, explainable run. This is the API; the command line is <code>sealane</code>."
        "<ul><li><a href=/docs>API reference</a><li><a href=/openapi.json>OpenAPI 3.1</a>"
        "<li><a href=/readyz>Readiness</a><li><a href=/metrics>Metrics</a></ul>"
    )
