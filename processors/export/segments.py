"""Records of one partition as an object: msgpack, compressed."""

import hashlib
import zlib
from collections.abc import Sequence

import msgspec

from core.ports import ObjectStore, Record, TopicPartition
from processors.export.manifest import ExportError, Segment

_LEVEL = 3


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Stored]).decode


def segment_key(folder: str, where: TopicPartition, first: int, after: int) -> str:
    """`segments/<topic>/<partition>/<first>-<next>.z`."""
    return f"{folder}/{where.topic}/{where.partition:05d}/{first:015d}-{after:015d}.z"


def encode_records(records: Sequence[Record]) -> bytes:
    stored = [_Stored(each.offset, each.timestamp_ms, each.key, each.value, each.headers) for each in records]
    return zlib.compress(_encode(stored), _LEVEL)


def decode_records(data: bytes, where: TopicPartition) -> list[Record]:
    """Raises zlib.error or msgspec.DecodeError."""
    return [
        Record(*where, each.offset, each.key, each.value, each.headers, each.timestamp_ms)
        for each in _decode(zlib.decompress(data))
    ]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_segment(objects: ObjectStore, segment: Segment) -> list[Record]:
    """Raises ExportError where the object is missing or is not what was written."""
    try:
        data = objects.get(segment.key)
    except KeyError:
        raise ExportError("export-damaged", f"{segment}: the object is missing") from None
    if digest(data) != segment.sha256:
        raise ExportError(
            "export-damaged",
            f"{segment}: its bytes are not those that were written; `sealane export --verify` says more",
        )
    return decode_records(data, segment.where)
