"""One push while it goes on: takes the updated refs from the hook, delivers them, and tells the pusher what happens.

The hook talks over two pipes that only the processes of this push have: one brings the refs, one takes the text.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence

from agents.connectors.git import GitError
from core.delivery import Delivery
from core.ports import LogUnavailable
from gateway.git.delivered import RefUpdate, mark_delivered, parse_update
from gateway.git.pipes import PipeReader, PipeWriter
from gateway.git.services import GitServices, GitUser

MAX_FOLLOWED = 20
# A pusher whose connection does not take the text any more must not hold anything up.
_WRITE_SECONDS = 30.0
# The process is gone, so nobody listens any more; only a write to the log may still be under way.
_FINISH_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Push:
    """`fds` and `environment` are for the git process; call `started` when it has them, `finished` when it ended."""

    def __init__(self, services: GitServices, app: str, user: GitUser) -> None:
        self._services = services
        self._app = app
        self._user = user
        self._updates_read, self._updates_write = os.pipe()
        self._text_read, self._text_write = os.pipe()
        self._task: asyncio.Task[None] | None = None
        self._following = False
        self._abandoned = False

    @property
    def fds(self) -> tuple[int, int]:
        return self._updates_write, self._text_read

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SEALANE_UPDATES": f"/dev/fd/{self._updates_write}",
            "SEALANE_PROGRESS": f"/dev/fd/{self._text_read}",
        }

    def started(self) -> None:
        os.close(self._updates_write)
        os.close(self._text_read)
        self._task = asyncio.create_task(self._run(PipeReader(self._updates_read), PipeWriter(self._text_write)))

    def abandon(self) -> None:
        """The pusher went away: what was pushed is delivered all the same, but nobody has to be told."""
        self._abandoned = True
        if self._task is not None and self._following:
            self._task.cancel()

    async def finished(self) -> None:
        """Call when the process has ended."""
        if self._task is None:
            for fd in (self._updates_read, self._updates_write, self._text_read, self._text_write):
                os.close(fd)
            return
        try:
            await asyncio.wait({self._task}, timeout=_FINISH_SECONDS)
        finally:
            self._task.cancel()

    async def _run(self, source: PipeReader, sink: PipeWriter) -> None:
        try:
            updates = await _updates(source)
            if updates:
                await self._tell(sink, self._lines(updates))
        except (BrokenPipeError, TimeoutError):
            _log.info("the pusher of %s went away", self._app)
        finally:
            source.close()
            sink.close()

    async def _tell(self, sink: PipeWriter, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            await asyncio.wait_for(sink.write(_harmless(line).encode() + b"\n"), _WRITE_SECONDS)

    async def _lines(self, updates: Sequence[RefUpdate]) -> AsyncIterator[str]:
        try:
            deliveries = [
                await self._services.deliver(update.push(self._app, self._user.name), self._services.new_id())
                for update in updates
            ]
        except LogUnavailable as error:
            _log.warning("a push to %s waits for the log: %s", self._app, error)
            yield "sealane: your commits are stored, but the log (Kafka) can't be reached just now."
            yield "sealane: the run starts by itself as soon as it can; nothing has to be pushed again."
            return
        await self._remember(updates)
        await self._adopt_default_branch(updates)
        if self._abandoned:
            return
        self._following = True
        async for line in self._follow(deliveries):
            yield line

    async def _follow(self, deliveries: Sequence[Delivery]) -> AsyncIterator[str]:
        if len(deliveries) > MAX_FOLLOWED:
            yield f"sealane: {len(deliveries)} branches and tags were updated; the first {MAX_FOLLOWED} are shown."
        lines = self._services.progress.follow(self._app, deliveries[:MAX_FOLLOWED])
        try:
            async for line in lines:
                yield line
        except Exception:
            _log.exception("the progress of a push to %s can't be shown", self._app)
            yield "sealane: the progress can't be shown just now; the push is safe and the run goes on without you."

    async def _remember(self, updates: Sequence[RefUpdate]) -> None:
        try:
            await mark_delivered(self._services.repositories, self._app, updates)
        except GitError as error:
            # It will be delivered once more, and the app will see that it knows it.
            _log.warning("what was delivered of %s can't be noted: %s", self._app, error)

    async def _adopt_default_branch(self, updates: Sequence[RefUpdate]) -> None:
        """The only branch of a first push becomes the default branch, whatever its name is."""
        repositories = self._services.repositories
        branches = [update.ref for update in updates if update.ref.startswith(b"refs/heads/")]
        if len(branches) != 1 or not repositories.unborn_head(self._app):
            return
        branch = branches[0].removeprefix(b"refs/heads/").decode("utf-8", "replace")
        try:
            await self._services.set_default_branch(self._app, branch, self._user)
        except Exception:
            _log.exception("the default branch of %s can't be set to %s", self._app, branch)
        else:
            repositories.set_head(self._app, branch)


async def _updates(source: PipeReader) -> list[RefUpdate]:
    """What the hook read, up to its final dot; nothing where the push changed nothing or was refused."""
    text = b""
    while not (text.endswith(b"\n.\n") or text == b".\n"):
        chunk = await source.read()
        if not chunk:
            return []
        text += chunk
    return [parse_update(line) for line in text.split(b"\n")[:-2]]


def _harmless(line: str) -> str:
    """Titles and step names are other people's text: nothing in them may steer the pusher's terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
