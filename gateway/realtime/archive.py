"""Archived segments of a log, read off the event loop."""

import asyncio

from core.ports import ObjectStore
from core.protocol.logs import LogChunk
from core.protocol.segments import decode_segment
from projections.queries.types import LogSegment


async def segment_chunks(objects: ObjectStore, segment: LogSegment) -> list[LogChunk]:
    """All chunks of a segment. Raises KeyError where the object is gone."""
    return await asyncio.to_thread(lambda: list(decode_segment(objects.get(segment.object_key))))
