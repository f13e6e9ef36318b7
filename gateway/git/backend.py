"""`git http-backend` as CGI, streaming both ways: no pack is ever held in memory."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agents.connectors.git import said

CHUNK_BYTES = 64 << 10
_HEAD_BYTES = 16 << 10
_log = logging.getLogger(__name__)


class CgiCall(NamedTuple):
    """A process to run for one request. `fds` stay open in it; `outlives_client`: it is not stopped when the client
    goes away, because it changes something.
    """

    command: Sequence[str]
    environment: dict[str, str]
    directory: Path
    fds: tuple[int, ...] = ()
    outlives_client: bool = False


class CgiResponse(Response):
    """Runs the call when the response is sent. `on_started` is called in between, `on_disconnect` at most once."""

    def __init__(
        self,
        call: CgiCall,
        on_started: Callable[[], None] = lambda: None,
        on_disconnect: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._call = call
        self._on_started = on_started
        self._on_disconnect = on_disconnect
        self._gone = False
        self.exit_code: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        process = await self._start()
        self._on_started()
        assert process.stderr is not None
        upload = asyncio.create_task(self._upload(process, receive))
        errors = asyncio.create_task(process.stderr.read())
        try:
            await self._answer(process, send)
            self.exit_code = await process.wait()
            self._report(await errors)
        finally:
            upload.cancel()
            errors.cancel()
            _stop(process)

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._call.command,
            cwd=self._call.directory,
            env=self._call.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=self._call.fds,
            start_new_session=True,
            limit=CHUNK_BYTES,
        )

    async def _upload(self, process: asyncio.subprocess.Process, receive: Receive) -> None:
        """The request's body into stdin; then wait for the client to go away."""
        stdin = process.stdin
        assert stdin is not None
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._client_left(process)
                return
            try:
                stdin.write(message.get("body", b""))
                await stdin.drain()
            except (BrokenPipeError, ConnectionResetError, RuntimeError):
                # It has heard enough, for example of a push that is too large; its answer says why.
                continue
            if not message.get("more_body", False):
                stdin.close()

    def _client_left(self, process: asyncio.subprocess.Process) -> None:
        self._gone = True
        if process.stdin is not None:
            process.stdin.close()
        if not self._call.outlives_client:
            _stop(process)
        self._on_disconnect()

    async def _answer(self, process: asyncio.subprocess.Process, send: Send) -> None:
        stdout = process.stdout
        assert stdout is not None
        status, headers = await _head(stdout)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while chunk := await stdout.read(CHUNK_BYTES):
            if not self._gone:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _report(self, errors: bytes) -> None:
        if self.exit_code and not self._gone:
            _log.warning("git http-backend ended with %s: %s", self.exit_code, said(errors))


async def _head(stdout: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Status and headers of a CGI answer; 500 where it is none."""
    status, headers, size = 200, [], 0
    while line := (await stdout.readline()).rstrip(b"\r\n"):
        name, colon, value = line.partition(b":")
        size += len(line)
        if not colon or size > _HEAD_BYTES:
            return 500, []
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value.strip()))
    return (status, headers) if headers else (500, [])


def _stop(process: asyncio.subprocess.Process) -> None:
    """git leaves no half-written ref behind when it is told to stop."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
