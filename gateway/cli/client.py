"""The CLI's HTTP client: finds the installation and the token, speaks JSON and SSE, turns problems into CliError.

Where it connects: SEALANE_URL and SEALANE_TOKEN, else the newest of `.sealane/client.json` here or in a parent
folder and `client.json` in the user's configuration folder (`sealane login` is a later issue; `up` writes it).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.errors import CliError, Exit

_EXIT_OF_STATUS = {400: Exit.INVALID_INPUT, 404: Exit.NOT_FOUND, 422: Exit.INVALID_INPUT}
Json = dict[str, Any]


class Client:
    """One installation, one principal."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "sealane-cli"},
            timeout=httpx.Timeout(30.0, connect=5.0),
        )

    def get(self, path: str, **params: Any) -> Any:
        return self._call("GET", path, params={key: value for key, value in params.items() if value is not None})

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, json=body if body is not None else {})

    def post_bytes(self, path: str, body: bytes) -> Any:
        return self._call("POST", path, content=body, headers={"Content-Type": "application/octet-stream"})

    def patch(self, path: str, body: Json) -> Any:
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def text(self, path: str, **params: Any) -> bytes:
        return self._send("GET", path, params=params).content

    def events(self, path: str, **params: Any) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (event name, decoded data) until the server ends the stream."""
        params = {key: value for key, value in params.items() if value is not None}
        with _connecting(self.url), self._http.stream("GET", path, params=params, timeout=_ENDLESS) as response:
            if response.status_code >= 400:
                response.read()
                _raise_problem(response)
            yield from _parse_sse(response.iter_lines())

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self._send(method, path, **kwargs)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        with _connecting(self.url):
            response = self._http.request(method, path, **kwargs)
        if response.status_code >= 400:
            _raise_problem(response)
        return response


_ENDLESS = httpx.Timeout(None, connect=5.0)


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
            f"{url} does not answer ({error}): is it running? ('sealane status' tells, 'sealane up' starts it)",
            Exit.UNAVAILABLE,
            "gateway-unreachable",
        ) from error


def _raise_problem(response: httpx.Response) -> None:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    code = problem.get("code", f"http-{response.status_code}")
    detail = problem.get("detail") or problem.get("title") or response.text[:300] or response.reason_phrase
    default = Exit.UNAVAILABLE if response.status_code >= 500 else Exit.REFUSED
    raise CliError(f"{detail} [{code}]", _EXIT_OF_STATUS.get(response.status_code, default), code)


def _parse_sse(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name, data = "message", list[str]()
    for line in lines:
        if not line and data:
            yield name, json.loads("\n".join(data))
        if not line:
            name, data = "message", []
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
