"""How far the views are: for reads that must see a write, for status pages, for progress."""

import asyncio
from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from core.eventlog.envelope import Position
from projections.queries.database import ReadSide
from projections.tables.logbook import projection_offsets as offsets

_POLL_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05)


class NotYetProjected(TimeoutError):
    """The views did not pass the position in time; the write itself is safe."""

    code = "not-yet-projected"

    def __init__(self, position: Position, timeout_seconds: float) -> None:
        super().__init__(f"the views did not reach {position} within {timeout_seconds:g} s")
        self.position = position


class HaltedPartition(msgspec.Struct, frozen=True, kw_only=True):
    """Where the views can't go on, and why."""

    topic: str
    partition: int
    next_offset: int
    reason: str


async def read_offsets(db: ReadSide) -> Mapping[tuple[str, int], int]:
    """The next offset to be projected, by (topic, partition)."""
    rows = await db.rows(select(offsets.c.topic, offsets.c.partition, offsets.c.next_offset))
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def halted_partitions(db: ReadSide) -> tuple[HaltedPartition, ...]:
    columns = (offsets.c.topic, offsets.c.partition, offsets.c.next_offset, offsets.c.halted.label("reason"))
    rows = await db.rows(select(*columns).where(offsets.c.halted != "").order_by(offsets.c.topic, offsets.c.partition))
    return tuple(HaltedPartition(**row) for row in rows)


async def wait_for(db: ReadSide, position: Position, timeout_seconds: float = 5.0) -> None:
    """Return once the views hold the record at `position`. Raises NotYetProjected."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await _wait_for(db, position)
    except TimeoutError as error:
        raise NotYetProjected(position, timeout_seconds) from error


async def _wait_for(db: ReadSide, position: Position) -> None:
    partition = (offsets.c.topic == position.topic, offsets.c.partition == position.partition)
    statement = select(offsets.c.next_offset).where(*partition)
    tries = 0
    while True:
        row = await db.row(statement)
        if row is not None and row["next_offset"] > position.offset:
            return
        await asyncio.sleep(_POLL_SECONDS[min(tries, len(_POLL_SECONDS) - 1)])
        tries += 1
