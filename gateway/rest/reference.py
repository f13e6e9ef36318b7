"""The API's reference for reading: one page made from the OpenAPI document, with nothing loaded from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.rest.permissions import API

router = APIRouter(include_in_schema=False)
Json = dict[str, Any]
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f5f7;padding:.75rem;overflow:auto}
section{border-top:1px solid #ddd;padding:.5rem 0}b.method{display:inline-block;min-width:4.5rem}
@media(prefers-color-scheme:dark){body{background:#15181c;color:#dde}pre{background:#20242a}a{color:#8bf}}"""


@router.get(f"{API}/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get(f"{API}/docs")
async def reference(request: Request) -> HTMLResponse:
    document = request.app.openapi()
    body = "".join(_page(document))
    return HTMLResponse(f"<!doctype html><meta charset=utf-8><title>Sealane API</title><style>{_STYLE}</style>{body}")


def _page(document: Json) -> Iterator[str]:
    yield f"<h1>Sealane API</h1><p>{escape(document['info']['description'])}"
    yield f"<p>For programs: <a href={API}/openapi.json>OpenAPI 3.1</a>."
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(path, method, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"<section id={escape(name)}><h3><code>{escape(name)}</code></h3>{_code(schema)}</section>"


def _operation(path: str, method: str, operation: Json) -> Iterator[str]:
    yield f"<section><p><b class=method>{method.upper()}</b> <code>{escape(path)}</code>"
    yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}"
    parameters = [
        f"<li><code>{escape(each['name'])}</code> ({each['in']}) {_said(each)}" for each in _parameters(operation)
    ]
    if parameters:
        yield f"<ul>{''.join(parameters)}</ul>"
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Body: {_reference(media.get('schema', {}))}"
    for status, answer in operation["responses"].items():
        shapes = ", ".join(_reference(media.get("schema", {})) for media in answer.get("content", {}).values())
        yield f"<p>{escape(str(status))}: {escape(answer.get('description', ''))} {shapes}"
    yield "</section>"


def _parameters(operation: Json) -> list[Json]:
    found: list[Json] = operation.get("parameters", [])
    return found


def _said(parameter: Json) -> str:
    schema = {key: value for key, value in parameter.get("schema", {}).items() if key != "title"}
    return f"<code>{escape(json.dumps(schema))}</code> {escape(parameter.get('description', ''))}"


def _reference(schema: Json) -> str:
    target = schema.get("$ref", "").rpartition("/")[2]
    return f"<a href=#{escape(target)}><code>{escape(target)}</code></a>" if target else _code(schema)


def _code(schema: Json) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre>"
