"""All spools of an agent: who may write more, who is sent next, and when it goes to the disk.

Fair by construction: frames are taken from the attempts in turn, and each attempt may keep only its share,
so a job that writes a gigabyte waits for its own acknowledgements and not for others' disk space.
"""

import asyncio
import hashlib
import logging
import shutil
from pathlib import Path

from agents.log_spool import LogSpool
from core.protocol.messages import AgentMessage, JobFinished, decode_agent_message

SYNC_SECONDS = 0.05
log = logging.getLogger("sealane.agent")


class SpoolDamaged(Exception):
    """What an attempt had to report can't be read back from the disk."""

    def __init__(self, attempt_key: str, detail: str) -> None:
        super().__init__(f"the reports of {attempt_key} can't be read back: {detail}")
        self.attempt_key = attempt_key


class SpoolStore:
    """`share_bytes`: what one attempt may keep unacknowledged before its output is no longer read."""

    def __init__(self, root: Path, share_bytes: int) -> None:
        self.root = root
        self._share_bytes = share_bytes
        self._spools: dict[str, LogSpool] = {}
        self._turns: list[str] = []
        self._sendable = asyncio.Event()
        self._room = asyncio.Event()
        self._sync_timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[None] | None = None

    def recover(self) -> list[LogSpool]:
        """The attempts that ended but were not acknowledged when the last process died; the others are dropped."""
        for directory in sorted(path for path in self.root.iterdir() if path.is_dir()):
            spool = LogSpool(directory, "", 0)
            last = _last_message(spool)
            if isinstance(last, JobFinished):
                spool.attempt_key, spool.epoch, spool.finished = last.attempt_key, last.epoch, True
                self._add(spool)
            else:
                spool.remove()
        return list(self._spools.values())

    def create(self, attempt_key: str, epoch: int) -> LogSpool:
        """A new spool; replaces one of the same attempt. On a full disk it is one that keeps only the last words."""
        self.discard(attempt_key)
        name = hashlib.sha256(f"{attempt_key}#{epoch}".encode()).hexdigest()[:24]
        shutil.rmtree(self.root / name, ignore_errors=True)
        spool = LogSpool(self.root / name, attempt_key, epoch)
        try:
            spool.open()
        except OSError as error:
            log.error("%s: the disk takes no spool: %s", attempt_key, error)
        self._add(spool)
        return spool

    def discard(self, attempt_key: str) -> None:
        """Forget what the attempt had to say."""
        spool = self._spools.pop(attempt_key, None)
        if spool is not None:
            self._turns.remove(attempt_key)
            spool.remove()
            self._room.set()
            self._sendable.set()

    def finished(self) -> dict[str, int]:
        """Attempts that ended and are not acknowledged wholly, with their epochs."""
        return {spool.attempt_key: spool.epoch for spool in self._spools.values() if spool.finished}

    def written(self) -> None:
        """Something was appended: send it, and bring it to the disk with whatever else comes until then."""
        self._sendable.set()
        if self._sync_timer is None:
            self._sync_timer = asyncio.get_running_loop().call_later(SYNC_SECONDS, self._sync)

    def has_room(self, spool: LogSpool) -> bool:
        return spool.unacked_bytes < self._share_bytes

    async def wait_for_room(self, spool: LogSpool) -> None:
        while not self.has_room(spool):
            self._room.clear()
            await self._room.wait()

    async def next_frame(self, window_bytes: int) -> bytes:
        """The next frame in turn, once there is one and less than `window_bytes` are on their way.

        Raises SpoolDamaged.
        """
        while True:
            if sum(spool.in_flight_bytes for spool in self._spools.values()) < window_bytes:
                for turn, attempt_key in enumerate(self._turns):
                    frame = self._frame_of(attempt_key)
                    if frame is not None:
                        self._turns.append(self._turns.pop(turn))
                        return frame
            self._sendable.clear()
            await self._sendable.wait()

    def _frame_of(self, attempt_key: str) -> bytes | None:
        try:
            return self._spools[attempt_key].next_frame()
        except OSError as error:
            raise SpoolDamaged(attempt_key, str(error)) from error

    def acknowledge(self, attempt_key: str, number: int) -> bool:
        """Whether the attempt has nothing more to say, and was forgotten."""
        spool = self._spools.get(attempt_key)
        if spool is None:
            return False
        spool.acknowledge(number)
        self._room.set()
        self._sendable.set()
        if not spool.settled:
            return False
        self.discard(attempt_key)
        return True

    def rewind(self) -> None:
        for spool in self._spools.values():
            spool.rewind()
        self._sendable.set()

    @property
    def unacked_bytes(self) -> int:
        """What all spools keep. May be asked from another thread."""
        return sum(spool.unacked_bytes for spool in list(self._spools.values()))

    @property
    def empty(self) -> bool:
        return not self._spools

    def _add(self, spool: LogSpool) -> None:
        self._spools[spool.attempt_key] = spool
        self._turns.append(spool.attempt_key)
        self._sendable.set()

    def _sync(self) -> None:
        """Group commit: one thread syncs all dirty spools; what is written meanwhile waits for the next round."""
        self._sync_timer = None
        loop = asyncio.get_running_loop()
        if self._syncing is not None and not self._syncing.done():
            self._sync_timer = loop.call_later(SYNC_SECONDS, self._sync)
            return
        dirty = [spool for spool in self._spools.values() if spool.dirty]
        if dirty:
            self._syncing = loop.run_in_executor(None, _sync_all, dirty)


def _last_message(spool: LogSpool) -> AgentMessage | None:
    """The newest whole message; None where there is none, or none that this version understands."""
    try:
        spool.open()
        frame = spool.last_frame()
        return decode_agent_message(frame) if frame else None
    except (OSError, ValueError) as error:
        log.warning("%s of an earlier process can't be read: %s", spool.directory, error)
        return None


def _sync_all(spools: list[LogSpool]) -> None:
    for spool in spools:
        spool.sync()
