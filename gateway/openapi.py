"""The OpenAPI 3.1 document, with the schemas of the structs that are really sent, the roles, and the common headers."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.headers import CONSISTENCY_HEADER
from gateway.idempotency import KEY_HEADER
from gateway.rest.answers import add_schemas, problems
from gateway.rest.permissions import API, NEEDED_ROLE

_WRITES = ("post", "put", "patch", "delete")
_TEXT = {"type": "string"}
_CONSISTENCY = {
    "name": CONSISTENCY_HEADER,
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "description": "The token of a write: answer only when the views have its effect (504 if that takes too long).",
}
_KEY = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "description": "Makes the request repeatable: the same key, route and body get the first decision again.",
}


def document(app: FastAPI) -> None:
    """Replaces what FastAPI would make of the routes alone."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            add_schemas(made)
            for path, operations in made["paths"].items():
                for method, operation in operations.items():
                    _complete(operation, method, path)
            schemes = made["components"].setdefault("securitySchemes", {})
            schemes["token"] = {"type": "http", "scheme": "bearer", "description": "`sl_...`, see POST /principals"}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _refusals(operation: dict[str, Any], method: str, path: str, role: str) -> dict[str, Any]:
    """The problems that any route of its kind may answer with; `default` stands for those of the platform (5xx)."""
    said = {
        "400": "The body is not valid JSON, or a cursor, key or token has not the form it was given out with.",
        "401": "No token, or one that is unknown, revoked or expired.",
        "403": f"The token's roles are not enough: {role} is needed, or the decision is not this person's to make.",
    }
    if "{" in path:
        said["404"] = "What the path names does not exist."
    if method in _WRITES:
        said["413"] = "The body is too large."
    if operation.get("requestBody"):
        said["415"] = "The body is not of the media type that is taken here."
    if operation.get("parameters") or operation.get("requestBody"):
        said["422"] = "Something in the request is not as it must be; `problems` lists all of it."
    return {status: problems(description) for status, description in said.items()}


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    """What holds for every route of the API: who may use it, and the headers it understands."""
    role = NEEDED_ROLE.get(f"{method.upper()} {path.removeprefix(API)}") if path.startswith(API) else None
    if role is None:
        return
    operation["security"] = [{"token": []}]
    operation["responses"] = _refusals(operation, method, path, role) | operation["responses"]
    operation["x-role"] = role
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the role {role}.".strip()
    operation.setdefault("parameters", []).append(_CONSISTENCY)
    if method in _WRITES and "lint" not in path:
        operation["parameters"].append(_KEY)
