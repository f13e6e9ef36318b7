"""What every request passes through: ids, the last line of defence against exceptions, counting, body limits; and the
way past FastAPI for what machines send all the time.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from core.ids import trace_id
from gateway.errors import ApiError, internal_error, problem_response
from gateway.metrics import GatewayMetrics
from gateway.structured_logs import RequestIds, request_ids

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_log = logging.getLogger(__name__)


class RequestContext:
    """Gives the request its ids, counts and logs it, and turns an unexpected exception into a 500 problem."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics, new_request_id: Callable[[], str]) -> None:
        self._app = app
        self._metrics = metrics
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        ids = self._ids(scope)
        scope.setdefault("state", {}).update(request_id=ids.request_id, correlation_id=ids.correlation_id)
        token = request_ids.set(ids)
        answer = _Answer(send, ids.request_id)
        started = time.perf_counter()
        try:
            await self._answer(scope, receive, answer)
        finally:
            self._count(scope, answer, time.perf_counter() - started)
            request_ids.reset(token)

    def _ids(self, scope: Scope) -> RequestIds:
        # Of headers that come twice the first one counts.
        headers = dict(reversed(scope["headers"]))
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._new_request_id()
        trace = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").decode("latin-1"))
        return RequestIds(request_id, trace.group(1) if trace and int(trace.group(1), 16) else trace_id(request_id))

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            _log.exception("%s %s failed", scope.get("method", "WEBSOCKET"), scope["path"])
            if scope["type"] == "websocket" or answer.status:
                raise
            await problem_response(internal_error(), answer.request_id)(scope, receive, answer.send)

    def _count(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        route = getattr(scope.get("route"), "path", "(none)")
        self._metrics.requests.labels(method, route, str(answer.status)).inc()
        if not answer.streaming and scope["type"] == "http":
            self._metrics.latency.labels(method, route).observe(seconds)
        level = logging.WARNING if answer.status >= 500 else logging.DEBUG
        if _log.isEnabledFor(level):
            took = {"status": answer.status, "milliseconds": round(seconds * 1000, 1)}
            _log.log(level, "%s %s", method, scope["path"], extra=took)


class _Answer:
    """Watches what is sent, and adds the request id to its headers."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status = 0
        self.streaming = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            headers["X-Request-Id"] = self.request_id
            headers.setdefault("X-Content-Type-Options", "nosniff")
            self.streaming = headers.get("content-type", "").startswith(("text/event-stream", "application/x-ndjson"))
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)


class BodyLimit:
    """Refuses bodies of the API above `limit_bytes`: by their stated length or, without one, after reading so far.

    Routes whose path matches `large` see to it themselves.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, prefix: str, large: re.Pattern[str]) -> None:
        self._app = app
        self._limit = limit_bytes
        self._prefix = prefix
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limited = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        if not limited or self._large.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers:
            messages = await self._read(receive)
            fits, receive = messages is not None, _replay(messages or [], receive)
        else:
            fits = int(headers.get("content-length", "0")) <= self._limit
        if fits:
            await self._app(scope, receive, send)
        else:
            await problem_response(self._too_large(), scope["state"]["request_id"])(scope, receive, send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        messages, total, more = [], 0, True
        while more:
            message = await receive()
            messages.append(message)
            total += len(message.get("body", b""))
            more = message.get("more_body", False)
            if total > self._limit:
                return None
        return messages

    def _too_large(self) -> ApiError:
        return ApiError(413, "body-too-large", f"The body is larger than the {self._limit} bytes this route takes.")


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """`messages` first, then whatever comes."""
    left = iter(messages)

    async def replaying() -> Message:
        message = next(left, None)
        return message if message is not None else await receive()

    return replaying


class PlainRoute(APIRoute):
    """Its function takes the request and nothing else, and answers with the response itself."""


class Shortcut:
    """Hands requests for plain routes to their functions: FastAPI's routing, dependencies and exit stacks take several
    times as long as such a function itself. It still documents these routes, and answers to other methods.

    `handlers` are those of the app: whatever the function raises is answered in the same way.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], handlers: Mapping[Any, ExceptionHandler]) -> None:
        self._app = app
        self._routes = [route for route in routes if isinstance(route, PlainRoute)]
        self._plain = ExceptionMiddleware(_answer_plainly, handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._plain if self._takes(scope) else self._app)(scope, receive, send)

    def _takes(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        for route in self._routes:
            found = route.path_regex.match(scope["path"])
            if found and scope["method"] in (route.methods or ()):
                scope["route"] = route
                scope["path_params"] = found.groupdict()
                return True
        return False


async def _answer_plainly(scope: Scope, receive: Receive, send: Send) -> None:
    response = await scope["route"].endpoint(Request(scope, receive, send))
    await response(scope, receive, send)
