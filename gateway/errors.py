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


class InputProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request. `pointer` is a JSON pointer (RFC 6901) into the body, or a name."""

    location: str
    pointer: str
    code: str
    message: str


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
    detail = f"The log (Kafka) can't be reached or refused, so nothing was changed: {error}. Try again."
    return ApiError(503, "log-unavailable", detail, {"Retry-After": "2"})


def invalid_input(errors: list[Any]) -> ApiError:
    """One refusal that lists everything that is wrong, from the validator's errors."""
    if any(error["type"] == "json_invalid" for error in errors):
        return _broken_json(errors)
    problems = [_input_problem(error) for error in errors]
    detail = "; ".join(f"{problem.pointer}: {problem.message}" for problem in problems)
    return ApiError(422, "input-invalid", detail, problems=problems)


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
    return await answer_problem(request, invalid_input(list(error.errors())))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(
        error.status_code,
        "request-invalid" if error.status_code < 500 else "internal-error",
    )
    detail = _route_detail(request, error)
    return await answer_problem(request, ApiError(error.status_code, code, detail, error.headers))


async def _log_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, LogUnavailable)
    _log.warning("the log was not available for %s: %s", request.url.path, error)
    return await answer_problem(request, log_unavailable(error))


def _route_detail(request: Request, error: HTTPException) -> str:
    if error.status_code == 404:
        return f"There is nothing at {request.url.path}. The API is described at /api/v1/docs."
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{request.url.path} doesn't take {request.method}, only {allowed}."
    return str(error.detail)


def _broken_json(errors: list[Any]) -> ApiError:
    error = next(error for error in errors if error["type"] == "json_invalid")
    reason = error.get("ctx", {}).get("error", error["msg"])
    place = error["loc"][-1] if len(error["loc"]) > 1 else 0
    return ApiError(
        400,
        "json-invalid",
        f"The body is not valid JSON: {reason} at character {place}.",
    )


def _input_problem(error: Any) -> InputProblem:
    location, *path = error["loc"] or ("body",)
    escaped = [str(part).replace("~", "~0").replace("/", "~1") for part in path]
    pointer = "#/" + "/".join(escaped) if location == "body" else ".".join(map(str, path))
    message = "is not known here" if error["type"] == "extra_forbidden" else str(error["msg"])
    return InputProblem(
        str(location),
        "#" if pointer == "#/" else pointer,
        error["type"].replace("_", "-"),
        message,
    )
