"""Requests that a person or a program got wrong, against the real routes: each answer says what to do instead."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.rest.permissions import API
from tests.support.bare_gateway import bare_gateway, token_of

APP = {"name": "shop", "repository_url": "https://forge.example/acme/shop.git"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(bare_gateway())
    headers = {"Authorization": f"Bearer {token_of('admin')}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as made:
        yield made


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, found["code"], found["detail"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"name":', "Expecting value at character 8"),
        (b'{"name":"\xff"}', "'utf-8' codec can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"name":1' + b"0" * 5000 + b"}", "integer string conversion"),
    ],
)
async def test_broken_json_is_named(client: httpx.AsyncClient, body: bytes, reason: str) -> None:
    answer = await client.post(f"{API}/apps", content=body, headers={"Content-Type": "application/json"})
    status, code, detail = problem(answer)
    assert (status, code) == (400, "json-invalid")
    assert reason in detail


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_body_of_another_kind_is_told_which_is_wanted(client: httpx.AsyncClient, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    status, code, detail = problem(await client.post(f"{API}/apps", content=b"name=shop", headers=headers))
    assert (status, code) == (415, "media-type-unsupported")
    assert "Content-Type: application/json" in detail


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "#: the body is missing; send a JSON object, {} where there is nothing to say"),
        (b"[]", "#: must be a JSON object"),
        (b"null", "#: must be a JSON object"),
        (b'{"name":"A B","repository_url":"x"}', "#/name: 'A B' does not have the form ^[a-z0-9][a-z0-9._-]*$"),
        (b'{"name":"a","repository_url":"x","nope":1}', "#/nope: is not known here"),
        (b'{"name":"a","repository_url":"x","default_branch":"a..b"}', "#/default_branch: git allows no leading '-'"),
    ],
)
async def test_body_that_does_not_fit_is_told_where(client: httpx.AsyncClient, body: bytes, detail: str) -> None:
    answer = await client.post(f"{API}/apps", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)[:2] == (422, "input-invalid")
    assert problem(answer)[2].startswith(detail)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"{API}/apps", "GET, POST"),
        ("POST", f"{API}/apps/shop", "DELETE, GET, PATCH"),
        ("PUT", f"{API}/runs/x", "GET"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_wrong_method_is_told_all_that_are_right(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    status, code, detail = problem(answer)
    assert (status, code) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allowed
    assert detail.endswith(f"only {allowed}.")


async def test_path_that_leads_nowhere_is_told_where_to_look(client: httpx.AsyncClient) -> None:
    status, code, detail = problem(await client.get(f"{API}/nothing"))
    assert (status, code) == (404, "not-found")
    assert "/api/v1/docs" in detail


@pytest.mark.parametrize("cursor", ["zzz", "W10", "\u00e9", "\x00", "x" * 900])
async def test_cursor_that_was_made_up_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    for path in ("runs", "events", "deliveries", "dead-letters"):
        answer = await client.get(f"{API}/{path}", params={"cursor": cursor})
        assert problem(answer)[:2] == (400, "cursor-invalid")


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00"])
async def test_moment_without_a_zone_is_refused(client: httpx.AsyncClient, moment: str) -> None:
    assert problem(await client.get(f"{API}/events", params={"since": moment}))[:2] == (422, "input-invalid")


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "1e3"])
async def test_limit_out_of_bounds_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    assert problem(await client.get(f"{API}/runs", params={"limit": limit}))[:2] == (422, "input-invalid")


async def test_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    stated = await client.post(f"{API}/lint", content=b"x" * ((1 << 20) + 1))
    assert problem(stated)[:2] == (413, "body-too-large")


@pytest.mark.parametrize("key", ["", "a b", "\u00e9", "k" * 256])
async def test_idempotency_key_that_can_not_be_one_is_refused(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post(f"{API}/apps", json=APP, headers={b"Idempotency-Key": key.encode()})
    assert problem(answer)[:2] == (400, "idempotency-key-invalid")
