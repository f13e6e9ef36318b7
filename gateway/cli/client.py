"""The CLI's HTTP client: finds the installation and the token, speaks JSON and SSE, turns problems into CliError.

What it wrote it sees: the consistency token of an answer goes back with every later request. So does the next command,
which knows of no token: a write returns when the views have it, or lag behind for long.

Where it connects: SEALANE_URL and SEALANE_TOKEN, else the newest of `.sealane/client.json` here or in a parent
folder and `client.json` in the user's configuration folder (`sealane login` is a later issue; `up` writes it).
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.errors import CliError, Exit
from gateway.cli.sse import Event, parse_events
from gateway.headers import CONSISTENCY_HEADER

_EXIT_OF_STATUS = {400: Exit.INVALID_INPUT, 404: Exit.NOT_FOUND, 422: Exit.INVALID_INPUT}
# Answers that tell nothing of the request: the same one may be sent again. The views may lag behind a write for long.
_PASSING = ("projection-lagging",)
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5
ACCEPTED = 202
_BYTES = "application/octet-stream"
Json = dict[str, Any]


class StreamFailed(Exception):
    """The server said in the stream why it can't go on."""

    def __init__(self, problem: Json) -> None:
        super().__init__(problem["code"])
        self.problem = problem


class Client:
    """One installation, one principal."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._consistency: dict[str, str] = {}
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "sealane-cli"},
            timeout=httpx.Timeout(30.0, connect=5.0),
        )

    def get(self, path: str, **params: Any) -> Any:
        return self._call("GET", path, params={key: value for key, value in params.items() if value is not None})

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, json=body if body is not None else {})

    def post_bytes(self, path: str, body: bytes, media_type: str = _BYTES) -> Any:
        return self._call("POST", path, content=body, headers={"Content-Type": media_type})

    def put_bytes(self, path: str, body: bytes) -> Any:
        return self._call("PUT", path, content=body, headers={"Content-Type": _BYTES})

    def patch(self, path: str, body: Json) -> Any:
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def text(self, path: str, **params: Any) -> bytes:
        return self._send("GET", path, params=params).content

    def events(self, path: str, on_open: Callable[[], None] = lambda: None, **params: Any) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (event name, decoded data) until the server ends the stream.

        A gateway that stops or dies is waited for, and the stream goes on behind the last event that had an id.
        `on_open` is called each time when the connection is made: what happens from then on will come.
        """
        wanted = {key: value for key, value in params.items() if value is not None}
        last_id, give_up = "", 0.0
        while True:
            try:
                for event in self._stream(path, wanted, last_id):
                    give_up = math.inf
                    if event is None:
                        on_open()
                    elif event.name == "error":
                        raise StreamFailed(event.data)
                    else:
                        last_id = event.id or last_id
                        yield event.name, event.data
                return
            except StreamFailed as failed:
                raise _as_error(failed.problem, failed.problem["status"]) from None
            except CliError as error:
                give_up = min(give_up, time.monotonic() + PATIENCE_SECONDS)
                if error.exit_code is not Exit.UNAVAILABLE or time.monotonic() > give_up:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _stream(self, path: str, params: Json, last_id: str) -> Iterator[Event | None]:
        """One connection: None when it is made, then its events. Raises CliError when it ends before the stream."""
        headers = self._consistency | ({"Last-Event-ID": last_id} if last_id else {})
        request = self._http.stream("GET", path, params=params, headers=headers, timeout=_ENDLESS)
        with _connecting(self.url), request as response:
            if response.status_code >= 400:
                response.read()
                raise _refused(response)
            yield None
            for event in parse_events(response.iter_lines()):
                if event.name == "closing":
                    raise CliError(str(event.data["detail"]), Exit.UNAVAILABLE, "gateway-closing")
                yield event

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self._send(method, path, **kwargs)
        if method != "GET" and CONSISTENCY_HEADER in response.headers:
            with suppress(httpx.TransportError):
                self._http.get("/api/v1/whoami", headers=self._consistency)
        if not response.content:
            return None
        answer = response.json()
        if response.status_code == ACCEPTED and "decision_url" in answer:
            words = f"{answer['detail']} Later: {self.url}{answer['decision_url']}"
            raise CliError(words, Exit.UNAVAILABLE, "decision-pending")
        return answer

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = self._consistency | kwargs.pop("headers", {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with _connecting(self.url):
                response = self._http.request(method, path, headers=headers, **kwargs)
            self._remember(response)
            if response.status_code < 400:
                return response
            if time.monotonic() > deadline or _problem(response)["code"] not in _PASSING:
                raise _refused(response)

    def _remember(self, response: httpx.Response) -> None:
        token = response.headers.get(CONSISTENCY_HEADER)
        if token:
            self._consistency = {CONSISTENCY_HEADER: token}


# Of a stream there is a sign of life every 15 s.
_ENDLESS = httpx.Timeout(60.0, connect=5.0)


def connect() -> Client:
    """The client for this folder or this user. Raises CliError saying how to get one."""
    url, token = os.environ.get("SEALANE_URL", ""), os.environ.get("SEALANE_TOKEN", "")
    if not (url and token):
        stored = _stored_connection()
        url, token = url or stored.get("url", ""), token or stored.get("token", "")
    if not url:
        raise CliError(
            "no Sealane installation is known here: start one with 'sealane up', "
            "or set SEALANE_URL and SEALANE_TOKEN to use an existing one",
            Exit.UNAVAILABLE,
            "not-connected",
        )
    return Client(url, token)


def _stored_connection() -> Json:
    here = Path.cwd()
    candidates = [folder / ".sealane" / "client.json" for folder in (here, *here.parents)]
    candidates.append(user_connection_file())
    for path in candidates:
        if path.is_file():
            stored: Json = json.loads(path.read_text())
            return stored
    return {}


def user_connection_file() -> Path:
    """Where `up` leaves the connection for commands that run in other folders."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "sealane" / "client.json"


@contextmanager
def _connecting(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise CliError(
            f"{url} does not answer ({error}): is it running?",
            Exit.UNAVAILABLE,
            "gateway-unreachable",
        ) from error


def _problem(response: httpx.Response) -> Json:
    """The problem of an answer, made up where something else than the gateway answered."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "code" in problem:
        return problem
    return {"code": f"http-{response.status_code}", "detail": response.text[:300] or response.reason_phrase}


def _refused(response: httpx.Response) -> CliError:
    return _as_error(_problem(response), response.status_code)


def _as_error(problem: Json, status: int) -> CliError:
    code = str(problem["code"])
    default = Exit.UNAVAILABLE if status >= 500 else Exit.REFUSED
    detail = problem.get("detail") or problem.get("title")
    return CliError(str(detail), _EXIT_OF_STATUS.get(status, default), code)
