"""The embedded source of metrics: scrapes the instances of what is being deployed, in the background, and keeps a
bounded history from which it answers what Prometheus would.

Everything happens on one event loop in a thread of its own; `measure` waits for it from any other thread.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, TypeVar

import httpx

from agents.metrics.base import Answer, Counted, Instances, MeasureRequest, Place, failed, measurement
from agents.metrics.scraping import SCRAPE_TIMEOUT_SECONDS, Watched
from core.deployments.commands import Measurement
from core.environments.settings import Check

_NO_QUERIES = "the built-in scraper can't evaluate a query: name a Prometheus as the analysis' source, or use a metric"
ResultT = TypeVar("ResultT")


class Scraper:
    """A MetricsSource. `watch` a place before its new instances are there, so that no request of theirs is missed."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._places: dict[Place, Watched] = {}
        self._loop = asyncio.new_event_loop()
        # The instances are on this machine or its network: never through a proxy that the environment names.
        self._client = httpx.AsyncClient(trust_env=False, timeout=SCRAPE_TIMEOUT_SECONDS, follow_redirects=False)
        self._thread = threading.Thread(target=self._loop.run_forever, name="metrics-scraper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends all scraping; the scraper can't be used again."""
        self._wait_for(self._close(), 2 * SCRAPE_TIMEOUT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def watch(self, place: Place) -> None:
        """Scrape its instances from now on, until `done` or for some time without a request."""
        self._loop.call_soon_threadsafe(self._watch, place)

    def done(self, place: Place) -> None:
        """Scrape no longer than for a short watch, unless it is asked for again."""
        self._loop.call_soon_threadsafe(self._done, place)

    def measure(self, request: MeasureRequest) -> tuple[Measurement, ...]:
        """See MetricsSource. The instances are scraped once more, so the answer is of now."""
        try:
            return self._wait_for(self._measure(request), request.timeout_seconds)
        except NotInTime:
            return failed(request, f"the instances' metrics were not read within {request.timeout_seconds:g} s")

    def counted(self, request: MeasureRequest) -> Counted:
        try:
            return self._wait_for(self._counted(request), request.timeout_seconds)
        except NotInTime:
            return Counted()

    def _wait_for(self, work: Coroutine[Any, Any, ResultT], seconds: float) -> ResultT:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except NotInTime:
            future.cancel()
            raise

    async def _measure(self, request: MeasureRequest) -> tuple[Measurement, ...]:
        watched = await self._fresh(request)
        return tuple(self._check(watched, request, check) for check in request.checks)

    async def _counted(self, request: MeasureRequest) -> Counted:
        watched = await self._fresh(request)
        return watched.scraped.counted(request.canary, time.monotonic() - request.window_seconds)

    async def _fresh(self, request: MeasureRequest) -> Watched:
        """An instance that hangs must not keep the others' answers back."""
        watched = self._watch(request.place, request.window_seconds)
        await watched.scrape(request.timeout_seconds / 2)
        return watched

    @staticmethod
    def _check(watched: Watched, request: MeasureRequest, check: Check) -> Measurement:
        if check.query:
            return measurement(check, Answer(error=_NO_QUERIES), None)
        since = time.monotonic() - request.window_seconds
        canary = watched.scraped.answer(request.canary, check.metric, since)
        baseline = watched.scraped.answer(request.baseline, check.metric, since) if request.baseline else None
        return measurement(check, canary, baseline)

    def _watch(self, place: Place, window_seconds: float | None = None) -> Watched:
        self._places = {
            known: watched for known, watched in self._places.items() if known == place or not watched.is_over
        }
        if place not in self._places:
            self._places[place] = Watched(place, self._instances, self._client)
        self._places[place].go_on(window_seconds)
        return self._places[place]

    def _done(self, place: Place) -> None:
        if place in self._places:
            self._places[place].linger()

    async def _close(self) -> None:
        await asyncio.gather(*(watched.stop() for watched in self._places.values()))
        await self._client.aclose()
