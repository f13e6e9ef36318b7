"""Delivers what was pushed but never reached the log: because the gateway was killed, or Kafka could not be reached."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from agents.connectors.git import GitError
from core.ids import derived_id
from core.ports import LogUnavailable
from gateway.git.delivered import mark_delivered, undelivered
from gateway.git.services import GitServices

RETRY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Reconciler:
    """Looks after the repositories that are marked as pending. One per process; `run()` is a background task."""

    def __init__(self, services: GitServices) -> None:
        self._services = services
        self._active: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()

    @contextmanager
    def pushing(self, app: str) -> Iterator[None]:
        """A push goes on: its refs are the push's own business until the block ends."""
        self._services.repositories.mark_pending(app)
        self._active[app] += 1
        try:
            yield
        finally:
            self._active[app] -= 1

    async def run(self) -> None:
        """For ever: what is pending, every few seconds."""
        while True:
            await self.reconcile_all()
            await asyncio.sleep(RETRY_SECONDS)

    async def reconcile_all(self) -> None:
        for app in self._services.repositories.pending():
            await self.look_after(app)

    async def look_after(self, app: str) -> None:
        """Reconcile, and leave what does not work now for the next time."""
        try:
            await self.reconcile(app)
        except (GitError, OSError) as error:
            _log.error("undelivered pushes of %s can't be found: %s", app, error)
        except LogUnavailable as error:
            _log.warning("undelivered pushes of %s still wait for the log: %s", app, error)

    async def reconcile(self, app: str) -> int:
        """Deliver what is missing; answers how many updates that were. Raises LogUnavailable, GitError."""
        async with self._one_at_a_time:
            return 0 if self._active[app] else await self._reconcile(app)

    async def _reconcile(self, app: str) -> int:
        updates = await undelivered(self._services.repositories, app)
        for update in updates:
            # The same id each time: an attempt that was interrupted in the middle is recognised.
            delivery_id = derived_id("reconciled", app, update.ref.hex(), update.before, update.after)
            await self._services.deliver(update.push(app, ""), delivery_id)
        if updates:
            await mark_delivered(self._services.repositories, app, updates)
            _log.info("delivered %d ref updates of %s that were still missing in the log", len(updates), app)
        if not self._active[app]:
            self._services.repositories.unmark_pending(app)
        return len(updates)
