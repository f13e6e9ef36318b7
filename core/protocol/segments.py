"""An archived piece of a log: encoded chunks, one behind the other, compressed."""

import struct
import zlib
from collections.abc import Iterable, Iterator

from core.protocol.decoding import NotUnderstood
from core.protocol.logs import LogChunk, decode_chunk

SUFFIX = "z"
_LENGTH = struct.Struct(">I")
_LEVEL = 3


def segment_key(attempt_key: str, first_seq: int) -> str:
    """`logs/<run>/<job>/<attempt>/<first chunk>.z`: writing a segment again replaces it."""
    return f"logs/{attempt_key}/{first_seq:010d}.{SUFFIX}"


def encode_segment(chunks: Iterable[bytes]) -> bytes:
    """`chunks` as they are in the topic."""
    return zlib.compress(b"".join(_LENGTH.pack(len(chunk)) + chunk for chunk in chunks), _LEVEL)


def decode_segment(segment: bytes) -> Iterator[LogChunk]:
    """The chunks. Raises zlib.error or NotUnderstood for what is no segment."""
    data = zlib.decompress(segment)
    at = 0
    while at < len(data):
        if len(data) - at < _LENGTH.size:
            raise NotUnderstood(f"{len(data) - at} bytes are left over behind the last chunk")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        yield decode_chunk(data[at : at + length])
        at += length
