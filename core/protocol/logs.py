"""A chunk of a job's log: as the agent sends it, as `sealane.logs` stores it, as viewers get it."""

from typing import Literal

import msgspec

from core.protocol.decoding import decode_with

StreamName = Literal["stdout", "stderr", "system"]


class LogLine(msgspec.Struct, frozen=True, array_like=True):
    """`at_us` is the agent's clock in microseconds since 1970 UTC. `data` is any bytes, without the newline.

    `partial`: the line was longer than a chunk allows and goes on in the next LogLine of the same stream.
    """

    at_us: int
    stream: StreamName
    data: bytes
    partial: bool = False


class LogChunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Chunk number `seq` (from 0, no gaps) of an attempt's log; `first_line` counts lines from 0.

    `step` is the step's index, -1 for set-up and clean-up. `dropped_bytes` > 0 marks, on record, that the
    agent cut the log off here. `last`: no chunk follows.
    """

    attempt_key: str
    epoch: int
    seq: int
    first_line: int
    step: int
    lines: tuple[LogLine, ...]
    dropped_bytes: int = 0
    last: bool = False


encode_chunk = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(LogChunk)


def decode_chunk(data: bytes) -> LogChunk:
    """Raises NotUnderstood, a msgspec.DecodeError."""
    return decode_with(_decoder, data)
