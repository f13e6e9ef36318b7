"""Reading your own writes: wait until the projections have passed a position of the log.

However many requests wait, one poller asks the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from core.eventlog.envelope import Position
from gateway.errors import ApiError
from gateway.headers import CONSISTENCY_HEADER

WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.02

ReadOffsets = Callable[[], Awaitable[Mapping[tuple[str, int], int]]]


class ProjectionGate:
    """`read_offsets` answers with the next offset the projections will read, by (topic, partition)."""

    def __init__(self, read_offsets: ReadOffsets) -> None:
        self._read_offsets = read_offsets
        self._waiting: dict[asyncio.Future[None], Position] = {}
        self._poller: asyncio.Task[None] | None = None

    async def wait_for(self, position: Position, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Return once the projections hold the record at `position`. Raises 504 `projection-lagging`."""
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[passed] = position
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await asyncio.wait_for(passed, timeout_seconds)
        except TimeoutError:
            detail = f"The views have not caught up with {position} within {timeout_seconds:g} s. Try again."
            raise ApiError(504, "projection-lagging", detail, {"Retry-After": "1"}) from None
        finally:
            self._waiting.pop(passed, None)

    async def _poll(self) -> None:
        while self._waiting:
            try:
                offsets = await self._read_offsets()
            except Exception as error:
                self._fail(error)
                return
            for future, position in list(self._waiting.items()):
                if offsets.get((position.topic, position.partition), 0) > position.offset and not future.done():
                    future.set_result(None)
            await asyncio.sleep(_POLL_SECONDS)

    def _fail(self, error: Exception) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(error)


def parse_token(text: str, topics: frozenset[str], partitions: int) -> Position:
    """A consistency token from outside. Raises 400 `consistency-token-invalid`."""
    try:
        position = Position.parse(text)
    except ValueError:
        position = Position("", -1, -1)
    if position.topic not in topics or not 0 <= position.partition < partitions or position.offset < 0:
        detail = f"'{text[:200]}' is not a consistency token; send back the {CONSISTENCY_HEADER} header of a write."
        raise ApiError(400, "consistency-token-invalid", detail)
    return position
