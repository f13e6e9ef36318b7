"""The connection to the hub: dial, say hello, move messages both ways, and dial again when it breaks."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from agents.backoff import Backoff
from agents.spool_store import SpoolDamaged, SpoolStore
from agents.worker import Worker
from core.protocol import messages as m
from core.protocol.decoding import NotUnderstood

log = logging.getLogger("sealane.agent")
CONNECT_SECONDS = 10.0
FENCE_SECONDS = 1.0
SILENT_BEATS = 2.5
STABLE_SECONDS = 5.0
FINAL_CLOSES = {m.CLOSE_UNAUTHENTICATED, m.CLOSE_POOL_FORBIDDEN, m.CLOSE_UNSUPPORTED, m.CLOSE_HELLO_REJECTED}


class RefusedForGood(Exception):
    """The hub will never take this agent as it is: a wrong token or pool, or another protocol."""


class Outbox:
    """Messages that need no acknowledgement; what is left when the connection breaks is dropped with it."""

    def __init__(self) -> None:
        self._messages: deque[m.AgentMessage] = deque()
        self._filled = asyncio.Event()

    def put(self, message: m.AgentMessage) -> None:
        self._messages.append(message)
        self._filled.set()

    async def get(self) -> m.AgentMessage:
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages.popleft()

    def clear(self) -> None:
        self._messages.clear()


class HubConnection:
    """`run()` keeps the worker connected until it is cancelled. Raises RefusedForGood.

    `connected`: there is a hub at the other end. `left`: it has said goodbye to an agent that drained.
    """

    def __init__(
        self, url: str, token: str, software: str, worker: Worker, store: SpoolStore, outbox: Outbox, backoff: Backoff
    ) -> None:
        self._url = url
        self._token = token
        self._software = software
        self._worker = worker
        self._store = store
        self._outbox = outbox
        self._backoff = backoff
        self._was_welcome = False
        self._fenced = asyncio.Event()
        self.connected = False
        self.left = asyncio.Event()

    async def run(self) -> None:
        fence = asyncio.create_task(self._fence())
        try:
            while True:
                await self._once()
                await asyncio.sleep(self._backoff.next_seconds())
        finally:
            fence.cancel()

    async def _once(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with connect(
                self._url,
                additional_headers=headers,
                compression=None,
                max_size=16 << 20,
                ping_interval=None,
                open_timeout=CONNECT_SECONDS,
                user_agent_header=None,
            ) as socket:
                await self._serve(socket)
        except ConnectionClosed as error:
            self._explain_close(error)
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                self._refused(f"the hub at {self._url} answered {status}: is the token right?", error)
            log.warning("the hub at %s answered %d", self._url, status)
        except NotUnderstood as error:
            log.error("the hub at %s says what this agent does not understand: %s", self._url, error)
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("no connection to %s: %s", self._url, str(error) or type(error).__name__)
        except RefusedForGood:
            raise
        except SpoolDamaged as error:
            log.error("%s", error)
            self._worker.give_up(error.attempt_key, "spool-damaged")
        except Exception:
            # The jobs must not die of it: their leases are good as long as we come back in time.
            log.exception("the connection to %s broke down", self._url)
        finally:
            self.connected = False
            self._outbox.clear()
            self._worker.disconnected()

    async def _serve(self, socket: ClientConnection) -> None:
        self.connected = True
        self._fenced.clear()
        await socket.send(m.encode(self._worker.hello(self._software)))
        first = m.decode_hub_message(await _binary(socket))
        if isinstance(first, m.Refused):
            log.error("the hub refused this agent: %s (%s)", first.detail, first.code)
            await socket.recv()  # Raises ConnectionClosed, whose code says whether it makes sense to come again.
        if not isinstance(first, m.Welcome):
            raise NotUnderstood(f"the hub's first word is {type(first).__name__}, not a welcome")
        log.info("connected to %s as %s", self._url, self._worker.agent_id)
        welcomed_at = time.monotonic()
        self._was_welcome = True
        self._worker.welcomed(first)
        try:
            await _first_to_end(
                self._receive(socket),
                self._send_reports(socket, first.window_bytes),
                self._send_outbox(socket),
                self._beat(first.heartbeat_seconds),
                self._until_fenced(),
            )
        finally:
            # A hub that throws us out at once, each time, must not be asked ten times a second.
            if time.monotonic() - welcomed_at > STABLE_SECONDS:
                self._backoff.reset()

    async def _receive(self, socket: ClientConnection) -> None:
        while True:
            self._worker.take(m.decode_hub_message(await _binary(socket)))

    async def _send_reports(self, socket: ClientConnection, window_bytes: int) -> None:
        while True:
            await socket.send(await self._store.next_frame(window_bytes))

    async def _send_outbox(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(m.encode(await self._outbox.get()))

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self._outbox.put(m.Heartbeat())
            # The hub answers each beat; a connection that is dead without having said so looks like this.
            if self._worker.silent_seconds() > SILENT_BEATS * seconds:
                raise TimeoutError(f"no answer for {self._worker.silent_seconds():.0f} s")

    async def _fence(self) -> None:
        while True:
            await asyncio.sleep(FENCE_SECONDS)
            if self._worker.fence():
                self._fenced.set()

    async def _until_fenced(self) -> None:
        """The hub may have been silent because we were frozen: then it still takes the jobs for running."""
        await self._fenced.wait()
        raise TimeoutError("it has to be told, by connecting anew, that jobs were killed")

    def _explain_close(self, error: ConnectionClosed) -> None:
        code = error.rcvd.code if error.rcvd else 0
        reason = error.rcvd.reason if error.rcvd else "no close was said"
        if code in FINAL_CLOSES:
            self._refused(f"the hub at {self._url} refused this agent: {reason or code}", error)
        if code == m.CLOSE_LEFT:
            log.info("left %s", self._url)
            self.left.set()
            self._worker.drain()
            return
        if code == m.CLOSE_REPLACED:
            raise RefusedForGood(f"another agent has connected as '{self._worker.agent_id}'") from error
        log.warning("the connection to %s ended: %s %s", self._url, code, reason)

    def _refused(self, why: str, cause: Exception) -> None:
        """An agent that was welcome before waits for better times: its jobs run on, and a mistake may be undone."""
        if not self._was_welcome:
            raise RefusedForGood(why) from cause
        log.error("%s", why)


async def _binary(socket: ClientConnection) -> bytes:
    frame = await socket.recv()
    if isinstance(frame, str):
        raise NotUnderstood("the hub sent text where a binary frame was expected")
    return frame


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends, which is always by an error; the others are cancelled and the error goes on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
