"""Two ends of pipes on the event loop, each closed exactly once.

Not the loop's own pipe transports: uvloop closes the descriptor and the file object both, and when a thread opened
something in between, that is what gets closed.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

_CHUNK = 64 << 10


class _PipeEnd:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    async def _ready(self, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        add(self._fd, _settle, ready)
        try:
            await ready
        finally:
            remove(self._fd)


class PipeReader(_PipeEnd):
    async def read(self) -> bytes:
        """What is there, waiting for the first byte; empty at the end."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return os.read(self._fd, _CHUNK)
            except BlockingIOError:
                await self._ready(loop.add_reader, loop.remove_reader)


class PipeWriter(_PipeEnd):
    async def write(self, data: bytes) -> None:
        """All of it. Raises BrokenPipeError when nobody reads any more."""
        loop = asyncio.get_running_loop()
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                await self._ready(loop.add_writer, loop.remove_writer)


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
