"""From bytes to lines: cuts a stream that arrives in any pieces, and never holds more than one line's limit."""

LINE_BYTES = 64 * 1024

Piece = tuple[bytes, bool]


class LineSplitter:
    """One stream. A piece is (data, partial): partial pieces are continued by the next piece of the stream."""

    def __init__(self, line_bytes: int = LINE_BYTES) -> None:
        self._line_bytes = line_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._open = False

    @property
    def holds(self) -> bool:
        """Whether there are bytes that nobody has seen yet."""
        return self._held_bytes > 0

    def feed(self, data: bytes) -> list[Piece]:
        """What `data` completes: whole lines without their newline, and pieces of lines over the limit."""
        *complete, rest = data.split(b"\n")
        pieces: list[Piece] = []
        for line in complete:
            if self._held_bytes or self._open or len(line) > self._line_bytes:
                self._hold(line, pieces)
                pieces.append(self._end_line())
            else:
                pieces.append((line, False))
        self._hold(rest, pieces)
        return pieces

    def flush(self) -> list[Piece]:
        """What was begun, as a partial piece, so that a watcher sees it before its newline comes."""
        if not self._held_bytes:
            return []
        self._open = True
        return [(self._take(), True)]

    def end(self) -> list[Piece]:
        """The stream ended: what was begun is the last line."""
        return [self._end_line()] if self.holds or self._open else []

    def _hold(self, data: bytes, pieces: list[Piece]) -> None:
        while self._held_bytes + len(data) > self._line_bytes:
            room = self._line_bytes - self._held_bytes
            self._held.append(data[:room])
            data = data[room:]
            pieces.append((self._take(), True))
            self._open = True
        if data:
            self._held.append(data)
            self._held_bytes += len(data)

    def _end_line(self) -> Piece:
        self._open = False
        return self._take(), False

    def _take(self) -> bytes:
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return data
