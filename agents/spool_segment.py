"""One file of a spool: frames one after the other, each with its length and CRC-32, so that a torn tail shows."""

import os
import struct
import zlib
from pathlib import Path

_HEADER = struct.Struct("<II")
HEADER_BYTES = _HEADER.size
SUFFIX = ".seg"


class Segment:
    """Frames numbered from `first`. `path` names the first number, so that a directory listing is the order."""

    def __init__(self, directory: Path, first: int) -> None:
        self.path = directory / f"{first:020d}{SUFFIX}"
        self.first = first
        self.count = 0
        self.size = 0
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def recover(self) -> None:
        """Find the frames that are whole and cut off what follows them."""
        file_size = os.fstat(self._fd).st_size
        while (frame := self.read(self.size)) is not None:
            self.size += HEADER_BYTES + len(frame)
            self.count += 1
        if self.size != file_size:
            os.ftruncate(self._fd, self.size)

    def append(self, frame: bytes) -> None:
        """Raises OSError (a full disk, for one) and then leaves the file as it was."""
        record = _HEADER.pack(len(frame), zlib.crc32(frame)) + frame
        try:
            written = os.pwrite(self._fd, record, self.size)
            if written != len(record):
                raise OSError(28, os.strerror(28), str(self.path))
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(record)
        self.count += 1

    def read(self, offset: int) -> bytes | None:
        """The frame at `offset`; None at the end, and where the bytes there are no whole frame."""
        header = os.pread(self._fd, HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES:
            return None
        length, checksum = _HEADER.unpack(header)
        frame = os.pread(self._fd, length, offset + HEADER_BYTES)
        return frame if len(frame) == length and zlib.crc32(frame) == checksum else None

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
