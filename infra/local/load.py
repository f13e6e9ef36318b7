"""A load generator: requests at a fixed rate, whatever the answers do, as users would send them.

Used by `sealane up` for the sample application, and by tests that count failures while something is deployed.
"""

import asyncio
import threading
import time
from types import TracebackType
from typing import NamedTuple

from infra.local.load_client import Client, Closed
from infra.local.load_tally import VERSION_HEADER, Seen, Tally

TIMEOUT_SECONDS = 10.0
# So many requests without an answer, and further ones are skipped (and counted).
MAX_UNDER_WAY = 2000


class Load(NamedTuple):
    """What is asked of one address. `rate` in requests per second."""

    url: str
    rate: float
    path: str = "/hello/visitor"
    headers: tuple[tuple[str, str], ...] = ()


class LoadGenerator:
    """Sends from a thread of its own while the `with` lasts. Loads by name: one name, one tally, also when it moves."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._tallies: dict[str, Tally] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __enter__(self) -> "LoadGenerator":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._tasks):
            self.stop(name)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, name: str, load: Load) -> Tally:
        """Send this load from now on, instead of what was sent under the name before."""
        self.stop(name)
        tally = self.tally(name)
        self._tasks[name] = asyncio.run_coroutine_threadsafe(_begun(load, tally), self._loop).result()
        return tally

    def stop(self, name: str) -> Tally:
        """Send no more; returns when all that is under way is answered (or given up)."""
        task = self._tasks.get(name)
        if task is not None:
            asyncio.run_coroutine_threadsafe(_cancelled(task), self._loop).result()
            self._tasks.pop(name, None)
            asyncio.run_coroutine_threadsafe(_ended(task), self._loop).result()
        return self.tally(name)

    def tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally())

    @property
    def names(self) -> tuple[str, ...]:
        """What is being sent now."""
        return tuple(self._tasks)


async def _begun(load: Load, tally: Tally) -> "asyncio.Task[None]":
    return asyncio.create_task(_send(load, tally))


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()


async def _ended(task: "asyncio.Task[None]") -> None:
    await asyncio.wait({task})


async def _send(load: Load, tally: Tally) -> None:
    """Until it is cancelled; then it waits for what is under way."""
    client = Client(load.url, dict(load.headers), tally.note_reconnect)
    under_way: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    number = 0
    try:
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / load.rate - time.monotonic()))
            if len(under_way) >= MAX_UNDER_WAY:
                tally.skipped += 1
                continue
            tally.sent += 1
            task = asyncio.create_task(_one(client, load.path, tally))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    finally:
        if under_way:
            await asyncio.wait(under_way)
        client.close()


async def _one(client: Client, path: str, tally: Tally) -> None:
    began = time.monotonic()
    status, version, detail = 0, "", ""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await client.get(path)
        status, version = answer.status, answer.headers.get(VERSION_HEADER, "")
    except TimeoutError:
        detail = f"no answer within {TIMEOUT_SECONDS:g} s"
    except (OSError, Closed) as error:
        detail = str(error) or type(error).__name__
    now = time.monotonic()
    tally.add(Seen(now, status, version, now - began, detail))
