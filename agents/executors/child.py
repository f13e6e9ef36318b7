"""A started command and its pipes: waiting without threads, signals for all of its processes."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

from agents.executors.base import LimitHits, SandboxError
from agents.executors.processes import descendants, namespace_pids, send_signal

PIPE_BYTES = 256 * 1024
STARTING_SECONDS = 0.05
WRAPPER_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Child:
    """`namespaced`: the command has a pid namespace, whose first process takes all others with it."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: int, stderr: int, namespaced: bool) -> None:
        self._process = process
        self._namespaced = namespaced
        self._before = LimitHits()
        self._hits: Callable[[], LimitHits] = LimitHits
        self._init_fd = -1
        self.stdout = stdout
        self.stderr = stderr

    @property
    def pid(self) -> int:
        return self._process.pid

    def count_hits(self, hits: Callable[[], LimitHits], before: LimitHits) -> None:
        self._hits, self._before = hits, before

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read_info(self, fd: int) -> None:
        """Bubblewrap's word on `fd` about its first process inside: wait() waits for that one's end, too."""
        text = await _read_all(fd)
        with suppress(ValueError, KeyError, ProcessLookupError):
            self._init_fd = os.pidfd_open(json.loads(text)["child-pid"])

    async def wait(self) -> int:
        if self._process.returncode is None:
            await _ended(os.pidfd_open(self._process.pid))
            self._process.wait()
        if self._init_fd >= 0:
            fd, self._init_fd = self._init_fd, -1
            await _ended(fd)
        return self._process.returncode

    def close(self) -> None:
        """Give the pipes back."""
        for fd in (self.stdout, self.stderr):
            if fd >= 0:
                os.close(fd)
        self.stdout = self.stderr = -1

    def terminate(self) -> None:
        if not self.alive:
            return
        members = self._members()
        send_signal(members, signal.SIGTERM)
        if not members:
            # The sandbox is still being made: the command must not miss the signal.
            asyncio.get_running_loop().call_later(STARTING_SECONDS, self.terminate)

    def kill(self) -> None:
        if not self.alive:
            return
        below = descendants(self._process.pid)
        inits = [pid for pid in below if namespace_pids(pid)[-1:] == [1]] if self._namespaced else []
        if inits:
            send_signal(inits[:1], signal.SIGKILL)
        else:
            send_signal([self._process.pid], signal.SIGKILL if self._namespaced else signal.SIGTERM)

    def limit_hits(self) -> LimitHits:
        now = self._hits()
        return LimitHits(
            now.out_of_memory - self._before.out_of_memory, now.processes_refused - self._before.processes_refused
        )

    def _members(self) -> list[int]:
        """The command's own processes, without those that hold its sandbox."""
        below = descendants(self._process.pid)
        if not self._namespaced:
            return below
        depth = len(namespace_pids(os.getpid()))
        seen = [(pid, namespace_pids(pid)) for pid in below]
        return [pid for pid, pids in seen if len(pids) > depth and pids[-1] != 1]


def spawn(argv: tuple[str, ...], namespaced: bool, pass_fds: tuple[int, ...] = ()) -> Child:
    """Start a wrapper with a clean environment and a session of its own. Raises SandboxError."""
    out_read, out_write = _pipe()
    err_read, err_write = _pipe()
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            env=WRAPPER_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        os.close(out_read)
        os.close(err_read)
        raise SandboxError(f"{argv[0]} can't be started: {error.strerror}") from error
    finally:
        os.close(out_write)
        os.close(err_write)
    return Child(process, out_read, err_read, namespaced)


async def _ended(pidfd: int) -> None:
    """Wait until the process behind the descriptor has ended; closes the descriptor."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


async def _read_all(fd: int) -> bytes:
    """What comes until the other side closes; closes the descriptor."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    received: list[bytes] = []

    def read() -> None:
        data = os.read(fd, 4096)
        if data:
            received.append(data)
        elif not done.done():
            done.set_result(b"".join(received))

    loop.add_reader(fd, read)
    try:
        return await done
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    with suppress(OSError):
        fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return read, write
