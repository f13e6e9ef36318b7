"""Moves a command's output from its pipes into the job's log, and stops reading where the log has no room."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from agents.executors.base import SandboxProcess
from core.protocol.logs import StreamName

READ_BYTES = 64 * 1024


class OutputPump:
    """`write` takes what arrived; `has_room` and `wait_for_room` say whether more may be read."""

    def __init__(
        self,
        process: SandboxProcess,
        write: Callable[[StreamName, bytes], None],
        has_room: Callable[[], bool],
        wait_for_room: Callable[[], Awaitable[None]],
    ) -> None:
        self._streams: dict[int, StreamName] = {process.stdout: "stdout", process.stderr: "stderr"}
        self._write = write
        self._has_room = has_room
        self._wait_for_room = wait_for_room
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._waiting: asyncio.Task[None] | None = None

    def start(self) -> None:
        for fd in self._streams:
            self._loop.add_reader(fd, self._read, fd)

    async def drained(self) -> None:
        """Until both pipes are at their end and read to it."""
        await self._ended.wait()

    def stop(self) -> None:
        """Read no more, whatever is left."""
        self._pause()
        if self._waiting is not None:
            self._waiting.cancel()
        self._streams.clear()
        self._ended.set()

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._write(self._streams[fd], data)
            if not self._has_room():
                self._pause()
                self._waiting = self._loop.create_task(self._resume_with_room())
            return
        self._loop.remove_reader(fd)
        del self._streams[fd]
        if not self._streams:
            self._ended.set()

    def _pause(self) -> None:
        for fd in self._streams:
            self._loop.remove_reader(fd)

    async def _resume_with_room(self) -> None:
        await self._wait_for_room()
        self.start()
