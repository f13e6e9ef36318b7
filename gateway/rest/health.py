"""What is open to everybody: is the process alive, is it ready, what does it count, and what is this at all."""

import asyncio
from collections.abc import Mapping

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from core.eventlog.topics import EVENTS_TOPICS
from gateway.dependencies import Gateway
from gateway.rest.answers import Json, answers
from gateway.rest.permissions import API
from gateway.services import Check
from gateway.state import GatewayState
from projections.queries.consistency import read_offsets

router = APIRouter(tags=["health"])
CHECK_SECONDS = 3.0
_HOME = f"""<!doctype html><meta charset=utf-8><title>Sealane</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}</style>
<h1>Sealane</h1>
<p>A git push becomes a build, and the log can prove it. This is the API; people use the command <code>sealane</code>.
<ul><li><a href={API}/docs>API reference</a><li><a href={API}/openapi.json>OpenAPI 3.1</a>
<li><a href=/readyz>Readiness</a><li><a href=/metrics>Metrics</a></ul>"""


class Readiness(msgspec.Struct, frozen=True):
    """`checks` says "ok" or why not, by name."""

    ready: bool
    checks: Mapping[str, str]


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", **answers(Readiness))
async def readyz(gateway: Gateway) -> Json:
    """503 while something that requests need is away; says what."""
    checks: dict[str, Check] = {**gateway.services.checks, "views": lambda: _views_are_fed(gateway)}
    results = await asyncio.gather(*map(_result, checks.values()))
    named = dict(zip(checks, results, strict=True))
    if gateway.closing.is_set():
        named["gateway"] = "is about to stop"
    ready = all(result == "ok" for result in named.values())
    return Json(Readiness(ready, named), 200 if ready else 503)


@router.get("/metrics")
async def metrics(gateway: Gateway) -> Response:
    """Prometheus text format."""
    gateway.metrics.event_tail_lag.set(gateway.hub.lag_seconds)
    return Response(gateway.metrics.exposition(), media_type=gateway.metrics.content_type)


@router.get("/", include_in_schema=False)
async def home() -> HTMLResponse:
    return HTMLResponse(_HOME)


async def _views_are_fed(gateway: GatewayState) -> None:
    """Whether the projector has a place in every partition of events, so that its lag is known."""
    known = await read_offsets(gateway.services.db)
    partitions = range(gateway.services.topology.partitions)
    missing = [f"{topic}:{number}" for topic in EVENTS_TOPICS for number in partitions if (topic, number) not in known]
    if missing:
        raise LookupError(f"no projector was ever at {', '.join(missing[:5])}")


async def _result(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return "ok"
