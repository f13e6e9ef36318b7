"""The OpenAPI document says what is really taken and sent."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.rest.permissions import API, NEEDED_ROLE
from tests.support.bare_gateway import bare_gateway

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    made: Json = bare_gateway().openapi()
    return made


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_openapi_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    assert json.loads(json.dumps(document))["info"]["title"] == "Sealane"


def test_every_reference_leads_somewhere(document: Json) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def test_every_route_of_the_api_says_its_role(document: Json) -> None:
    said = {name.replace(API, ""): operation["x-role"] for name, operation in operations(document) if API in name}
    assert said == {name: role for name, role in NEEDED_ROLE.items() if not name.startswith("WEBSOCKET")}


def test_every_route_of_the_api_documents_its_failure_and_its_answer(document: Json) -> None:
    for name, operation in operations(document):
        if API in name:
            assert "application/problem+json" in operation["responses"]["default"]["content"], name
            success = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert all(answer.get("content") for answer in success), name


def test_writes_document_the_key_the_decision_and_the_wait(document: Json) -> None:
    operation = document["paths"][f"{API}/apps"]["post"]
    assert {"Idempotency-Key", "Sealane-Consistency"} <= {each["name"] for each in operation["parameters"]}
    said = {"201", "202", "400", "401", "403", "409", "413", "415", "422", "default"}
    assert set(operation["responses"]) == said
    answer = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/DecisionDocument"}


def test_schemas_are_those_of_the_types_that_are_sent(document: Json) -> None:
    run = document["components"]["schemas"]["RunDetail"]
    assert {"id", "stages", "reason", "version"} <= set(run["properties"])
    assert "from_stage" in json.dumps(document["components"]["schemas"]["Rerun"])


async def test_reference_page_shows_every_route_and_loads_nothing(document: Json) -> None:
    transport = httpx.ASGITransport(bare_gateway())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        page = (await client.get(f"{API}/docs")).text
    assert all(f"<code>{path}</code>" in page for path in document["paths"])
    assert "<script" not in page
    assert "http://" not in page.replace("http://gateway", "")
    assert "https://" not in page


def test_every_refusal_that_is_documented_is_a_problem(document: Json) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "4" and not name.endswith("/readyz"):
                assert set(answer["content"]) == {"application/problem+json"}, (name, status)


def test_document_is_valid(document: Json) -> None:
    """OpenAPI 3.1 knows these members of an operation, a parameter and a media type, and no others but x-."""
    known = {"tags", "summary", "description", "operationId", "parameters", "requestBody", "responses", "security"}
    media = {"schema", "example", "examples", "encoding"}
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        assert not {member for member in operation if not member.startswith("x-")} - known, name
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                assert not {member for member in content if not member.startswith("x-")} - media, name
