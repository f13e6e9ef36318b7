"""Archived segments of a log, read off the event loop."""

import asyncio
import logging
import struct
import zlib

import msgspec

from core.ports import ObjectStore
from core.protocol.logs import LogChunk
from core.protocol.segments import decode_segment
from projections.queries.types import LogSegment

_log = logging.getLogger(__name__)


class Unreadable(Exception):
    """The segment's object is gone or damaged."""

    code = "archive-unreadable"


async def segment_chunks(objects: ObjectStore, segment: LogSegment) -> list[LogChunk]:
    """All chunks of a segment. Raises Unreadable."""
    return await asyncio.to_thread(_read, objects, segment)


def _read(objects: ObjectStore, segment: LogSegment) -> list[LogChunk]:
    try:
        return list(decode_segment(objects.get(segment.object_key)))
    except (KeyError, OSError, struct.error, zlib.error, msgspec.DecodeError) as error:
        _log.exception("archived log segment %s can't be read", segment.object_key)
        raise Unreadable(f"{segment.object_key}: {type(error).__name__}: {error}") from error
