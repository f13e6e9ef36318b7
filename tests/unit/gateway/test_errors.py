"""Every failure leaves as a problem with a stable code; bad input is told completely."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Path, Query
from sqlalchemy.exc import DataError, OperationalError

from core.ports import LogUnavailable
from gateway.errors import ApiError
from gateway.exceptions import install_exception_handlers
from gateway.metrics import GatewayMetrics
from gateway.middleware import BodyLimit, RequestContext
from gateway.rest.inputs import NewApp
from gateway.writes import Undecided
from projections.queries.cursors import InvalidCursor

LIMIT = 2000


def small_app() -> FastAPI:
    app = FastAPI()

    @app.post("/api/v1/apps")
    async def create(body: NewApp) -> dict[str, str]:
        return {"name": body.name}

    @app.get("/items/{number}")
    async def item(number: Annotated[int, Path(ge=1)], limit: Annotated[int, Query(le=10)] = 1) -> int:
        return number

    for path, error in FAILURES.items():
        app.add_api_route(path, _failing(error))
    install_exception_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=LIMIT, prefix="/api", large=re.compile("/api/large"))
    app.add_middleware(RequestContext, metrics=GatewayMetrics(), new_request_id=lambda: "made-here")
    return app


FAILURES: dict[str, Exception] = {
    "/refused": ApiError(409, "app-exists", "There is one.", {"X-Hint": "yes"}, app="shop"),
    "/bug": RuntimeError("secret detail"),
    "/kafka-away": LogUnavailable("no broker answers"),
    "/postgres-away": OperationalError("SELECT 1", {}, Exception("connection refused")),
    "/nul-byte": DataError("SELECT 1", {}, Exception("PostgreSQL text fields cannot contain NUL (0x00) bytes")),
    "/undecided": Undecided("c-1"),
    "/bad-cursor": InvalidCursor("garbage"),
}


def _failing(error: Exception) -> Any:
    async def fail() -> None:
        raise error

    return fail


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(small_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as made:
        yield made


async def test_refusal_is_a_problem_with_its_extra_members(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refused", headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["x-hint"], answer.headers["x-request-id"]) == ("yes", "r-1")
    assert answer.json() == {
        "type": "urn:sealane:problem:app-exists",
        "title": "Conflict",
        "status": 409,
        "detail": "There is one.",
        "code": "app-exists",
        "request_id": "r-1",
        "app": "shop",
    }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/bug", 500, "internal-error"),
        ("/kafka-away", 503, "log-unavailable"),
        ("/postgres-away", 503, "views-unavailable"),
        ("/bad-cursor", 400, "cursor-invalid"),
        ("/nul-byte", 422, "value-invalid"),
        ("/nowhere", 404, "not-found"),
    ],
)
async def test_failures_have_their_status_and_code(
    client: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == "made-here"


async def test_bug_does_not_leak_its_words(client: httpx.AsyncClient) -> None:
    assert "secret" not in (await client.get("/bug")).text


async def test_wrong_method_says_which_is_right(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/apps")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert "only POST" in answer.json()["detail"]


async def test_undecided_command_is_accepted_with_a_place_to_ask(client: httpx.AsyncClient) -> None:
    answer = await client.get("/undecided")
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["decision_url"] == "/api/v1/decisions/c-1"


async def test_all_problems_of_a_body_are_listed_with_pointers(client: httpx.AsyncClient) -> None:
    body = {"name": "Not A Name", "forge": "sourceforge", "colour": "red", "default_branch": "a..b"}
    answer = await client.post("/api/v1/apps", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "input-invalid")
    found = {problem["pointer"]: problem["code"] for problem in answer.json()["problems"]}
    assert found == {
        "#/name": "string-pattern-mismatch",
        "#/forge": "literal-error",
        "#/default_branch": "value-error",
        "#/colour": "extra-forbidden",
    }


@pytest.mark.parametrize("wrong", [7, ["x"], {"a": 1}, True])
async def test_types_are_exact(client: httpx.AsyncClient, wrong: object) -> None:
    answer = await client.post("/api/v1/apps", json={"name": "shop", "repository_url": wrong})
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["problems"]] == ["#/repository_url"]


@pytest.mark.parametrize("body", ["{", '{"name": }', "[1,", '{"a": 1} x', ""])
async def test_broken_json_is_refused_with_its_place(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/api/v1/apps", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("json-invalid", "input-invalid")
    assert "character" in answer.json()["detail"] or body == ""


@pytest.mark.parametrize("body", [[], "text", 5])
async def test_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: object) -> None:
    answer = await client.post("/api/v1/apps", json=body)
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "#")


async def test_path_and_query_are_checked_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/items/0", params={"limit": 99})
    assert answer.status_code == 422
    places = {(problem["location"], problem["pointer"]) for problem in answer.json()["problems"]}
    assert places == {("path", "number"), ("query", "limit")}


async def test_large_body_is_refused_by_its_length(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/apps", content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_large_body_is_for_routes_that_see_to_it(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/large", content=b"x" * (LIMIT + 1))
    assert answer.json()["code"] == "not-found"


async def test_large_body_without_a_length_is_refused_as_well(client: httpx.AsyncClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b"x" * 500] * 5

    answer = await client.post("/api/v1/apps", content=_async(pieces()))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_body_in_pieces_arrives_whole(client: httpx.AsyncClient) -> None:
    pieces = iter([b'{"name": "shop", ', b'"repository_url": ', b'"https://forge/shop.git"}'])
    answer = await client.post("/api/v1/apps", content=_async(pieces), headers={"Content-Type": "application/json"})
    assert answer.json() == {"name": "shop"}


async def test_browser_must_not_guess_the_type(client: httpx.AsyncClient) -> None:
    assert (await client.get("/refused")).headers["x-content-type-options"] == "nosniff"


async def _async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
