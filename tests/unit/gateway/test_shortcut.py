"""Requests that go around FastAPI are answered as if they had not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from core.ports import LogUnavailable
from gateway.errors import ApiError, install_error_handlers
from gateway.metrics import GatewayMetrics
from gateway.middleware import PlainRoute, RequestContext, Shortcut
from gateway.rest.answers import Json


class House:
    def __init__(self) -> None:
        self.app = FastAPI()
        self.metrics = GatewayMetrics()
        router = APIRouter(route_class=PlainRoute)

        @router.post("/hooks/{kind}", status_code=202)
        async def take(request: Request) -> Response:
            match request.path_params["kind"]:
                case "refused":
                    raise ApiError(401, "not-signed", "It is not signed.")
                case "log-away":
                    raise LogUnavailable("no broker")
                case "broken":
                    raise RuntimeError("a bug")
            return Json({"router": "router" in request.scope, "body": (await request.body()).decode()}, 202)

        self.app.include_router(router)
        install_error_handlers(self.app)
        self.app.add_middleware(Shortcut, routes=router.routes, handlers=self.app.exception_handlers)
        self.app.add_middleware(RequestContext, metrics=self.metrics, new_request_id=lambda: "fresh")


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(house.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sealane") as made:
        yield made


async def test_plain_route_is_answered_without_the_router(client: httpx.AsyncClient) -> None:
    answer = await client.post("/hooks/github", content=b"it")

    assert (answer.status_code, answer.json()) == (202, {"router": False, "body": "it"})
    assert answer.headers["x-request-id"] == "fresh"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("refused", 401, "not-signed"), ("log-away", 503, "log-unavailable"), ("broken", 500, "internal-error")],
)
async def test_what_it_raises_is_a_problem(client: httpx.AsyncClient, kind: str, status: int, code: str) -> None:
    answer = await client.post(f"/hooks/{kind}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == "fresh"


async def test_it_is_counted_by_its_template(house: House, client: httpx.AsyncClient) -> None:
    await client.post("/hooks/github")
    await client.post("/hooks/refused")

    exposed = house.metrics.exposition().decode()
    for status in ("202", "401"):
        labels = f'{{method="POST",route="/hooks/{{kind}}",status="{status}"}}'
        assert f"sealane_gateway_requests_total{labels} 1.0" in exposed


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/hooks/github", 405), ("POST", "/hooks/a/b", 404), ("POST", "/", 404)]
)
async def test_everything_else_is_fastapis(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await client.request(method, path)).status_code == status


def test_it_is_documented(house: House) -> None:
    assert list(house.app.openapi()["paths"]["/hooks/{kind}"]) == ["post"]
