"""One place under watch: lists its instances and reads all their /metrics side by side, again and again."""

import asyncio
import time
from contextlib import suppress

import httpx

from agents.metrics.base import Instance, Instances, NotKnown, Place
from agents.metrics.exposition import NotMetrics, read_page
from agents.metrics.scraped import Scraped

SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
SCRAPES_PER_WINDOW = 20
DEFAULT_WINDOW_SECONDS = 60.0
SCRAPE_TIMEOUT_SECONDS = 3.0
MAX_PAGE_BYTES = 8 << 20
# A place of which nobody has said anything for so long is not being deployed to any more.
WATCH_SECONDS = 900.0
# One that is complete may still be watched by its deployment, which then asks for samples.
LINGER_SECONDS = 120.0
_ACCEPT = {"Accept": "text/plain; version=0.0.4"}


class Watched:
    """Lives on one event loop. `scraped` has what was found."""

    def __init__(self, place: Place, instances: Instances, client: httpx.AsyncClient) -> None:
        self.scraped = Scraped()
        self._place = place
        self._instances = instances
        self._client = client
        self._window_seconds = DEFAULT_WINDOW_SECONDS
        self._until = 0.0
        self._scrape: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until

    @property
    def idle(self) -> bool:
        """It reads nothing by itself any more."""
        return self._task is None or self._task.done()

    def go_on(self, window_seconds: float | None = None) -> None:
        """For some time more, often enough for such a window."""
        self._window_seconds = window_seconds or self._window_seconds
        self._until = time.monotonic() + max(WATCH_SECONDS, 2 * self._window_seconds)
        if self.idle:
            self._task = asyncio.create_task(self._go_on())

    def linger(self) -> None:
        self._until = min(self._until, time.monotonic() + LINGER_SECONDS)

    async def stop(self) -> None:
        for task in (self._task, self._scrape):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def scrape(self, seconds: float = SCRAPE_TIMEOUT_SECONDS) -> None:
        """Read all instances now; returns after `seconds` even where some have not answered yet."""
        if self._scrape is None or self._scrape.done():
            self._scrape = asyncio.create_task(self._read_all())
        await asyncio.wait({self._scrape}, timeout=seconds)

    async def _go_on(self) -> None:
        while not self.is_over:
            began = time.monotonic()
            await self.scrape()
            pause = min(max(self._window_seconds / SCRAPES_PER_WINDOW, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))

    async def _read_all(self) -> None:
        try:
            found = await asyncio.to_thread(self._instances.of, self._place)
        except NotKnown as error:
            self.scraped.unlisted = str(error)
            return
        self.scraped.unlisted = ""
        self.scraped.note_instances(found, time.monotonic() - 2 * self._window_seconds - LONGEST_PAUSE_SECONDS)
        await asyncio.gather(*(self._read(instance) for instance in found))

    async def _read(self, instance: Instance) -> None:
        try:
            async with asyncio.timeout(SCRAPE_TIMEOUT_SECONDS):
                text = await self._get(instance.url + instance.metrics_path)
            page = read_page(text)
        except TimeoutError:
            self._problem(instance, f"no answer within {SCRAPE_TIMEOUT_SECONDS:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, NotMetrics) as error:
            self._problem(instance, str(error) or type(error).__name__)
        else:
            now = time.monotonic()
            started = None if page.started_at is None else now - max(0.0, time.time() - page.started_at)
            self.scraped.note_page(instance, now, page, started)

    def _problem(self, instance: Instance, reason: str) -> None:
        self.scraped.note_problem(instance, f"{instance.url}{instance.metrics_path}: {reason}")

    async def _get(self, url: str) -> str:
        async with self._client.stream("GET", url, headers=_ACCEPT) as answer:
            if answer.status_code != httpx.codes.OK:
                raise NotMetrics(f"it answered {answer.status_code}")
            parts: list[bytes] = []
            async for part in answer.aiter_bytes():
                parts.append(part)
                if sum(map(len, parts)) > MAX_PAGE_BYTES:
                    raise NotMetrics(f"it is longer than {MAX_PAGE_BYTES >> 20} MiB")
        return b"".join(parts).decode(errors="replace")
