"""The file behind $OUTPUT: `key=value` lines that a step leaves for later stages."""

import os
import re
import stat
from pathlib import Path

MAX_BYTES = 64 * 1024
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


class OutputError(Exception):
    """The file is not what it must be; the text names the line."""


def read_outputs(file: Path) -> dict[str, str]:
    """The values so far; the last line of a key wins. Raises OutputError."""
    try:
        # A job may have put anything in its place: a link to our secrets, a pipe that never ends.
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutputError(f"$OUTPUT can't be read: {error.strerror}") from error
    with open(fd, "rb") as opened:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OutputError("$OUTPUT is no longer a regular file")
        data = opened.read(MAX_BYTES + 1)
    return parse_outputs(data)


def parse_outputs(data: bytes) -> dict[str, str]:
    """Raises OutputError."""
    if len(data) > MAX_BYTES:
        raise OutputError(f"$OUTPUT holds more than {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        raise OutputError(f"$OUTPUT line {place} is not UTF-8") from error
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        key, separator, value = line.rstrip("\r").partition("=")
        if not separator or not _KEY.fullmatch(key):
            raise OutputError(f"$OUTPUT line {number} is not key=value: {line[:80]!r}")
        if "\0" in value:
            raise OutputError(f"$OUTPUT line {number} holds a NUL byte")
        values[key] = value
    return values
