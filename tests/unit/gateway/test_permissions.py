"""Every route of the API is in the table of roles, nothing else is, and the table is what is enforced."""

import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from core.catalog.commands import Role
from gateway.auth import Principal
from gateway.rest.permissions import API, NEEDED_ROLE, TOKEN_IN_QUERY
from gateway.rest.routers import API_ROUTERS
from tests.support.bare_gateway import ROLES, bare_gateway, token_of


@pytest.fixture(scope="module")
def gateway() -> FastAPI:
    """One for all: no request gets anywhere where it would change something."""
    app = bare_gateway()
    app.state.gateway.closing.set()  # Streams end at once.
    return app


@pytest.fixture
async def client(gateway: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as made:
        yield made


def routes(routers: tuple[APIRouter, ...]) -> Iterator[str]:
    for router in routers:
        for route in router.routes:
            path: str = getattr(route, "path", "").removeprefix(API)
            for method in getattr(route, "methods", None) or {"WEBSOCKET"}:
                yield f"{method} {path}"


def test_table_and_routes_are_the_same() -> None:
    assert sorted(routes(API_ROUTERS)) == sorted(NEEDED_ROLE)


def test_who_only_looks_changes_nothing_and_sees_no_secret() -> None:
    """Linting a file is a question, though it is posted."""
    open_to_viewers = {name for name, role in NEEDED_ROLE.items() if role == "viewer"}
    assert {name for name in open_to_viewers if not name.startswith(("GET", "WEBSOCKET"))} == {"POST /lint"}
    secrets = {"GET /apps/{app}/webhook", "GET /principals", "GET /principals/{name}", "GET /dead-letters"}
    assert not secrets & open_to_viewers


def test_what_each_role_may_change() -> None:
    writes = {name: role for name, role in NEEDED_ROLE.items() if not name.startswith(("GET", "WEBSOCKET"))}
    assert {name for name, role in writes.items() if role == "developer"} == {
        "POST /apps/{app}/runs",
        "POST /runs/{run}/cancel",
        "POST /runs/{run}/rerun",
        "POST /deliveries/{delivery}/redeliver",
        "POST /apps/{app}/releases",
        "POST /apps/{app}/artifacts",
        "POST /apps/{app}/deployments",
        "POST /apps/{app}/rollbacks",
        *(f"POST /rollouts/{{rollout}}/{word}" for word in ("promote", "pause", "resume", "abort")),
        *(f"POST /deployments/{{deployment}}/{word}" for word in ("promote", "pause", "resume", "abort")),
    }
    assert {name for name, role in writes.items() if role == "approver"} == {
        "POST /runs/{run}/approvals/{stage}",
        "POST /rollouts/{rollout}/approvals",
        "POST /rollouts/{rollout}/approval-links",
    }
    assert not [name for name, role in NEEDED_ROLE.items() if role == "agent"]


def test_token_in_the_query_is_for_streams_only() -> None:
    assert {path.rpartition("/")[2] for path in TOKEN_IN_QUERY} == {"watch", "stream", "ws", "tail"}
    assert {f"GET {path}" for path in TOKEN_IN_QUERY if not path.endswith("/ws")} <= set(NEEDED_ROLE)


HTTP_ROUTES = sorted(name for name in NEEDED_ROLE if not name.startswith("WEBSOCKET"))


def request_of(name: str) -> tuple[str, str]:
    method, _, path = name.partition(" ")
    return method, API + re.sub(r"\{[a-z_]+\}", "1", path)


@pytest.mark.parametrize("name", HTTP_ROUTES)
async def test_route_is_closed_without_a_token(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.request(*request_of(name))
    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="sealane"'


@pytest.mark.parametrize("name", HTTP_ROUTES)
async def test_route_is_open_to_its_role_and_those_above_only(client: httpx.AsyncClient, name: str) -> None:
    needed: Role = NEEDED_ROLE[name]
    for role in ROLES:
        answer = await client.request(*request_of(name), headers={"Authorization": f"Bearer {token_of(role)}"})
        allowed = Principal("p", (role,)).allows(needed)  # type: ignore[arg-type]
        assert (answer.status_code == 403) is not allowed, f"{role}: {answer.text}"


async def test_token_in_the_query_is_not_taken_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{API}/whoami", params={"token": token_of("admin")})
    assert answer.status_code == 401


async def test_whoami_says_who_and_what(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{API}/whoami", headers={"Authorization": f"Bearer {token_of('approver')}"})
    assert (answer.json()["name"], answer.json()["roles"]) == ("a-approver", ["approver"])


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/", f"{API}/docs", f"{API}/openapi.json"])
async def test_some_pages_are_open(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_no_other_site_may_read_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
