"""JSON answers from msgspec structs, and their schemas in the OpenAPI document: one source for both.

A route says `**answers(App)`; `add_schemas` later puts the struct's JSON Schema (2020-12, as OpenAPI 3.1
uses it) under components, generated from the very type that is encoded.
"""

from typing import Any

import msgspec
from fastapi import Response

from gateway.decisions import DecisionDocument, PendingDocument, decision_document
from gateway.errors import PROBLEM_JSON, ProblemDocument
from gateway.writes import Decided

_encoder = msgspec.json.Encoder()
_documented: dict[str, Any] = {}
_REFERENCE = "#/components/schemas/{name}"


class Json(Response):
    """Any value msgspec can encode, as application/json."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encoder.encode(content)


def decided(answer: Decided, status: int = 200, document: Any = None, **headers: str) -> Json:
    """The decision (or a `document` that says it better) with its consistency token in the headers."""
    body = document if document is not None else decision_document(answer.command_id, answer.decision)
    return Json(body, status, {**answer.headers, **headers})


def answers(shape: Any, status: int = 200, description: str = "As asked.") -> dict[str, Any]:
    """Keyword arguments of a route that answers with `shape` (a struct or a tuple of structs)."""
    return {"status_code": status, "responses": {status: _answer(shape, description), "default": problems()}}


def decides(shape: Any = DecisionDocument, status: int = 200) -> dict[str, Any]:
    """The same for a write: also 202, for a decision that is not seen in time."""
    route = answers(shape, status, "Decided and in the log.")
    route["responses"][202] = _answer(PendingDocument, "In the log, but not decided in time; will be decided.")
    route["responses"][409] = problems("Refused: it conflicts with the state of things. `code` says how.")
    return route


def streams(shape: Any, description: str) -> dict[str, Any]:
    """The same for server-sent events whose data has `shape`."""
    content = {"text/event-stream": {"schema": {"type": "string"}, "x-item-schema": described(shape)}}
    return {"responses": {200: {"description": description, "content": content}, "default": problems()}}


def add_schemas(document: dict[str, Any]) -> None:
    """Put the schemas of all documented structs into an OpenAPI document."""
    _, components = msgspec.json.schema_components(_documented.values(), ref_template=_REFERENCE)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)


def _answer(shape: Any, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": described(shape)}}}


def problems(description: str = "Refused or failed; a problem (RFC 9457).") -> dict[str, Any]:
    """The answer of a route that says why it can't do as asked."""
    return {"description": description, "content": {PROBLEM_JSON: {"schema": described(ProblemDocument)}}}


def described(shape: Any) -> dict[str, Any]:
    """The JSON Schema of a type, whose parts `add_schemas` will put under components."""
    _documented[repr(shape)] = shape
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=_REFERENCE)
    return schema
