"""Errors as clients see them: problem+json (RFC 9457) with a stable code, for every way a request can fail.

Raise ApiError anywhere below a route. `code` is kebab-case and never changes its meaning; `detail` says what
is wrong, where, and what to do.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket, WebSocketState

from core.ports import LogUnavailable
from gateway.problems import InputProblem, input_problems, is_no_json, json_place

PROBLEM_JSON = "application/problem+json"
_encoder = msgspec.json.Encoder()
_log = logging.getLogger(__name__)
_HTTP_CODES = {
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    415: "media-type-unsupported",
}


class ApiError(Exception):
    """A refusal. `extra` are further members of the problem, named in the documentation of the code."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error answer (application/problem+json). Some codes add further members."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    problems: tuple[InputProblem, ...] = ()


def problem_document(error: ApiError, request_id: str) -> dict[str, Any]:
    """The members of the problem, in the order of the RFC."""
    return {
        "type": f"urn:sealane:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
        **error.extra,
    }


def problem_response(error: ApiError, request_id: str) -> Response:
    body = _encoder.encode(problem_document(error, request_id))
    return Response(body, error.status, error.headers, PROBLEM_JSON)


def install_error_handlers(app: FastAPI) -> None:
    """Every exception a route can raise leaves as a problem; unknown ones are left to the middleware's 500."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid_input)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid_input)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(LogUnavailable, _log_unavailable)


def internal_error() -> ApiError:
    return ApiError(
        500,
        "internal-error",
        "The gateway failed while answering. The request id finds the cause in the gateway's log.",
    )


def log_unavailable(error: LogUnavailable) -> ApiError:
    detail = f"The log (Kafka) can't be reached or refused: {error}. Try again; with an Idempotency-Key it counts once."
    return ApiError(503, "log-unavailable", detail, {"Retry-After": "2"})


def request_id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


async def answer_problem(request: Request | WebSocket, error: ApiError) -> Response:
    """The problem as the answer; a WebSocket that is not accepted yet is refused with it."""
    response = problem_response(error, str(getattr(request.state, "request_id", "")))
    if isinstance(request, WebSocket) and request.application_state == WebSocketState.CONNECTING:
        await request.send_denial_response(response)
    return response


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return await answer_problem(request, error)


async def _invalid_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    media_type = request.headers.get("content-type", "")
    return await answer_problem(request, invalid_input(list(error.errors()), media_type))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(
        error.status_code,
        "request-invalid" if error.status_code < 500 else "internal-error",
    )
    if error.status_code == 400 and error.__cause__ is not None:
        return await answer_problem(request, unreadable_json(error.__cause__))
    if error.status_code == 405:
        return await answer_problem(request, _method_not_allowed(request))
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}. The API is described at /api/v1/docs."
    return await answer_problem(request, ApiError(error.status_code, code, detail, error.headers))


def invalid_input(errors: list[Any], media_type: str) -> ApiError:
    """One refusal that lists everything that is wrong, from the validator's errors."""
    if (place := json_place(errors)) is not None:
        return ApiError(400, "json-invalid", f"The body is not valid JSON: {place}.")
    if is_no_json(errors, media_type):
        detail = f"Send the body as JSON, with Content-Type: application/json (not '{media_type[:100]}')."
        return ApiError(415, "media-type-unsupported", detail)
    problems = input_problems(errors)
    detail = "; ".join(f"{problem.pointer}: {problem.message}" for problem in problems)
    return ApiError(422, "input-invalid", detail, problems=problems)


def unreadable_json(cause: BaseException) -> ApiError:
    """What the JSON parser stumbles over before it can say a place."""
    reason = "it is nested too deeply" if isinstance(cause, RecursionError) else str(cause)
    return ApiError(400, "json-invalid", f"The body is not valid JSON: {reason}.")


def _method_not_allowed(request: Request) -> ApiError:
    """Names the methods of all routes with this path: each route knows only its own."""
    path = {**request.scope, "method": ""}
    routes = getattr(request.app.state, "routes", request.app.routes)
    known = (getattr(route, "methods", None) or () for route in routes if route.matches(path)[0].value)
    allowed = ", ".join(sorted({method for methods in known for method in methods})) or "another method"
    detail = f"{request.url.path} doesn't take {request.method}, only {allowed}."
    return ApiError(405, "method-not-allowed", detail, {"Allow": allowed})


async def _log_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, LogUnavailable)
    _log.warning("the log was not available for %s: %s", request.url.path, error)
    return await answer_problem(request, log_unavailable(error))
