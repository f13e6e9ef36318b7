"""Log chunks as lines for people: as the job wrote them, or with their place, for viewers and programs."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from core.protocol.logs import LogChunk, LogLine, StreamName
from gateway.realtime.log_viewer import Missing, Piece

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line. `line` counts from 0; `at` is the agent's clock; `step` counts from 0, -1 is set-up and clean-up.

    `text` has bytes that are no UTF-8 replaced; `base64` has them all then. `partial`: the line goes on in the
    next of its stream.
    """

    job: str
    attempt: int
    line: int
    step: int
    stream: StreamName
    at: datetime
    text: str
    base64: bytes | None = None
    partial: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the log itself. `code`: not-received | archive-unreadable | log-truncated."""

    job: str
    attempt: int
    code: str
    detail: str


def lines_of(job: str, attempt: int, piece: Piece, from_line: int = 0) -> list[Line | Notice]:
    """What a viewer is told of a piece, from a line on."""
    if isinstance(piece, Missing):
        return [Notice(job=job, attempt=attempt, code=piece.reason, detail=missing_text(piece))]
    numbered = enumerate(piece.lines, piece.first_line)
    found: list[Line | Notice] = [
        _line(job, attempt, number, piece.step, line) for number, line in numbered if number >= from_line
    ]
    if piece.dropped_bytes:
        found.append(Notice(job=job, attempt=attempt, code="log-truncated", detail=truncated_text(piece)))
    return found


def missing_text(piece: Missing) -> str:
    return f"chunks {piece.first_seq} to {piece.last_seq} of the log are missing: {piece.reason}"


def truncated_text(chunk: LogChunk) -> str:
    return f"the log was cut off at its limit: {chunk.dropped_bytes} bytes were not kept"


@lru_cache(maxsize=1024)
def time_of(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)


def _line(job: str, attempt: int, number: int, step: int, line: LogLine) -> Line:
    text, raw = _text(line.data)
    return Line(
        job=job,
        attempt=attempt,
        line=number,
        step=step,
        stream=line.stream,
        at=time_of(line.at_us),
        text=text,
        base64=raw,
        partial=line.partial,
    )


def _text(data: bytes) -> tuple[str, bytes | None]:
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), data


class RawText:
    """Writes lines as the job wrote them, ANSI and all; exact bytes where only one `stream` is asked for."""

    def __init__(self, stream: StreamName | None = None, timestamps: bool = False) -> None:
        self._stream = stream
        self._timestamps = timestamps
        self._open: StreamName | None = None

    def write(self, piece: Piece, from_line: int, to_line: int) -> bytes:
        """The lines from_line..to_line-1 of the piece; what is missing is said in a line of its own."""
        if isinstance(piece, Missing):
            return self._break() + f"[{missing_text(piece)}]\n".encode()
        numbered = enumerate(piece.lines, piece.first_line)
        wanted = (line for number, line in numbered if from_line <= number < to_line)
        return b"".join(self._piece(line) for line in wanted if self._stream in (None, line.stream))

    def _piece(self, line: LogLine) -> bytes:
        goes_on = self._open == line.stream
        front = b"" if goes_on else self._break()
        stamp = b"" if goes_on or not self._timestamps else _stamp(line.at_us)
        self._open = line.stream if line.partial else None
        return front + stamp + line.data + (b"" if line.partial else b"\n")

    def _break(self) -> bytes:
        """Ends a line that another stream broke into."""
        broken, self._open = self._open, None
        return b"\n" if broken else b""


def _stamp(at_us: int) -> bytes:
    return time_of(at_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ ").encode()
