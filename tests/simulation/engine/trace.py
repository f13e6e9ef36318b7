"""What happened, line by line: the last lines for people, the digest of all for comparing two runs."""

import hashlib
from collections import deque
from typing import IO

LAST = 80


class Trace:
    """`file` gets every line as well."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._file = file
        self.last: deque[str] = deque(maxlen=LAST)
        self.lines = 0

    def add(self, now: float, who: str, what: str) -> None:
        line = f"{now:12.6f} {who} {what}\n"
        self._digest.update(line.encode())
        self.last.append(line)
        self.lines += 1
        if self._file is not None:
            self._file.write(line)

    def digest(self) -> str:
        return self._digest.hexdigest()
