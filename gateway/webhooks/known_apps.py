"""Which apps are built from a repository, remembered for a moment: a busy repository is not looked up at every push.

An app that is made, changed or archived empties the memory as soon as its event is seen, and the views get some
time to catch up with that event before anything is remembered, or answers are shared, again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from core.catalog.events import AppArchived, AppCreated, AppUpdated
from core.eventlog.envelope import EventEnvelope

KEEP_SECONDS = 2.0
QUIET_SECONDS = 5.0
MOST = 10_000
_CHANGES = frozenset((AppCreated.TYPE, AppUpdated.TYPE, AppArchived.TYPE))

Lookup = Callable[[tuple[str, ...]], Awaitable[Sequence[str]]]


class KnownApps:
    """`monotonic` is a clock in seconds. That nobody is built from a repository is never remembered."""

    def __init__(self, lookup: Lookup, monotonic: Callable[[], float]) -> None:
        self._lookup = lookup
        self._monotonic = monotonic
        self._known: dict[tuple[str, ...], tuple[float, tuple[str, ...]]] = {}
        self._quiet_until = 0.0
        self._under_way: dict[tuple[str, ...], asyncio.Task[tuple[str, ...]]] = {}

    async def by_repository(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the apps, as the views have them now or had them up to KEEP_SECONDS ago."""
        until, apps = self._known.get(urls, (0.0, ()))
        now = self._monotonic()
        if now < until:
            return apps
        shared = self._under_way.get(urls) if now >= self._quiet_until else None
        # It was asked before us: whoever has made an app since must not be told that there is none.
        if shared is not None and (apps := await asyncio.shield(shared)):
            return apps
        task = asyncio.ensure_future(self._look_up(urls))
        self._under_way[urls] = task
        try:
            return await asyncio.shield(task)
        finally:
            if self._under_way.get(urls) is task:
                del self._under_way[urls]

    async def _look_up(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        now = self._monotonic()
        apps = tuple(await self._lookup(urls))
        if apps and now >= self._quiet_until:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[urls] = (now + KEEP_SECONDS, apps)
        return apps

    def see(self, event: EventEnvelope) -> None:
        """Called with every event."""
        if event.type in _CHANGES:
            self._known.clear()
            self._under_way.clear()
            self._quiet_until = self._monotonic() + QUIET_SECONDS
