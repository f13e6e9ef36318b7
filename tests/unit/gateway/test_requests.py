"""What every request gets: ids that go through everything, counts, and one JSON line per log entry."""

import io
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from core.ids import trace_id
from gateway.metrics import GatewayMetrics
from gateway.middleware import RequestContext
from gateway.structured_logs import JsonFormatter, RequestIds, request_ids

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class House:
    def __init__(self) -> None:
        self.app = FastAPI()
        self.metrics = GatewayMetrics()
        self.app.add_middleware(RequestContext, metrics=self.metrics, new_request_id=lambda: "fresh")

        @self.app.get("/runs/{run}")
        async def ids(run: str, request: Request) -> dict[str, str]:
            logged = request_ids.get()
            assert logged is not None
            assert logged.correlation_id == request.state.correlation_id
            return {"request": request.state.request_id, "correlation": request.state.correlation_id}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as made:
        yield made


async def test_request_id_comes_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/runs/a", headers={"X-Request-Id": "mine-1"})
    assert answer.json() == {"request": "mine-1", "correlation": trace_id("mine-1")}
    assert answer.headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize("given", ["", "has space", "x" * 129, "ünï"])
async def test_request_id_that_could_do_harm_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/runs/a", headers={b"X-Request-Id": given.encode()})
    assert answer.json()["request"] == "fresh"


async def test_traceparent_becomes_the_correlation_id(client: httpx.AsyncClient) -> None:
    answer = await client.get("/runs/a", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert answer.json()["correlation"] == TRACE


@pytest.mark.parametrize("given", [f"00-{'0' * 32}-00f067aa0ba902b7-01", "00-xyz", f"00-{TRACE.upper()}-0-01"])
async def test_invalid_traceparent_is_passed_over(client: httpx.AsyncClient, given: str) -> None:
    assert (await client.get("/runs/a", headers={"traceparent": given})).json()["correlation"] == trace_id("fresh")


async def test_requests_are_counted_by_route_template(house: House, client: httpx.AsyncClient) -> None:
    for run in ("a", "b", "c"):
        await client.get(f"/runs/{run}")
    await client.get("/nowhere")
    text = house.metrics.exposition().decode()
    assert 'sealane_gateway_requests_total{method="GET",route="/runs/{run}",status="200"} 3.0' in text
    assert 'sealane_gateway_requests_total{method="GET",route="(none)",status="404"} 1.0' in text
    assert 'sealane_gateway_request_seconds_count{method="GET",route="/runs/{run}"} 3.0' in text


def test_two_gateways_of_one_process_count_apart() -> None:
    first, second = GatewayMetrics(), GatewayMetrics()
    first.log_viewers.inc()
    assert second.registry.get_sample_value("sealane_gateway_log_viewers") == 0.0


def test_log_entry_is_one_line_of_json_with_the_ids() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("sealane.test")
    logger.addHandler(handler)
    token = request_ids.set(RequestIds("r-1", TRACE))
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        logger.exception("could not %s", "do it", extra={"code": "some-code"})
    finally:
        request_ids.reset(token)
    (line,) = written.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == "could not do it"
    assert (entry["request_id"], entry["correlation_id"], entry["code"]) == ("r-1", TRACE, "some-code")
    assert "line two" in entry["exception"]
    assert entry["level"] == "error"
