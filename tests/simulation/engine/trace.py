"""What happened, line by line: the last lines for people, the digest of all for comparing two runs."""

import hashlib
from typing import IO

LAST = 80
# So many lines go into the digest at a time.
TOGETHER = 500


class Trace:
    """`file` gets every line as well."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._file = file
        self._new: list[tuple[float, str, str]] = []
        self._before: list[tuple[float, str, str]] = []
        self._counted = 0

    @property
    def lines(self) -> int:
        return self._counted + len(self._new)

    @property
    def last(self) -> list[str]:
        return [_line(*each) for each in (self._before + self._new)[-LAST:]]

    def add(self, now: float, who: str, what: str) -> None:
        self._new.append((now, who, what))
        if len(self._new) >= TOGETHER:
            self.flush()

    def digest(self) -> str:
        self.flush()
        return self._digest.hexdigest()

    def flush(self) -> None:
        text = "".join([f"{now:12.6f} {who} {what}\n" for now, who, what in self._new])
        self._digest.update(text.encode())
        if self._file is not None:
            self._file.write(text)
        self._counted += len(self._new)
        self._before, self._new = self._new[-LAST:], []


def _line(now: float, who: str, what: str) -> str:
    return f"{now:12.6f} {who} {what}\n"
