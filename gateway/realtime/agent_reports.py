"""What agents report: checked, written to the log in order, acknowledged only then.

An agent may report on leases it holds. Anything else is refused to it, and left to the Run to refuse on record.
"""

import asyncio
from collections.abc import Awaitable, Callable

from core.eventlog.envelope import CommandEnvelope
from core.ids import region_of_run, split_attempt_key
from core.ports import AsyncProducer, CommandBus
from core.protocol import messages as m
from core.protocol.decoding import NotUnderstood
from core.protocol.logs import decode_chunk
from gateway.realtime.agent_commands import AgentCommands
from gateway.realtime.agent_session import AgentSession


class MalformedReport(Exception):
    """A message that no agent of ours would send; the connection must end."""


class AgentReports:
    """`record` sends a command in the background."""

    def __init__(
        self,
        bus: CommandBus,
        producer: AsyncProducer,
        regions: tuple[str, ...],
        commands: AgentCommands,
        record: Callable[[CommandEnvelope], None],
    ) -> None:
        self._bus = bus
        self._producer = producer
        self._regions = regions
        self._commands = commands
        self._record = record

    async def take(self, session: AgentSession, message: m.ReliableMessage) -> None:
        """Returns before the log has it, but in order. Raises MalformedReport."""
        check_attempt(self._regions, message.attempt_key)
        held = session.leases.get(message.attempt_key)
        if held is None or held[0] != message.epoch:
            self._refuse(session, message)
            return
        await session.room()
        if isinstance(message, m.LogWritten):
            _check_chunk(message)
            written: Awaitable[object] = self._producer.send(self._commands.log_record(message))
            session.track(message.attempt_key, message.number, written, len(message.chunk))
        elif isinstance(message, m.JobFinished):
            earlier = session.pending(message.attempt_key)
            session.track(message.attempt_key, message.number, self._finish(session, message, earlier))
        else:
            written = self._bus.send(self._commands.report(session, message))
            session.track(message.attempt_key, message.number, written)

    async def _finish(
        self, session: AgentSession, message: m.JobFinished, earlier: "list[asyncio.Future[object]]"
    ) -> None:
        """A finished job never has a hole in its log: this is written after all that was said before."""
        await asyncio.gather(*earlier)
        await self._bus.send(self._commands.report(session, message))
        session.leases.pop(message.attempt_key, None)

    def _refuse(self, session: AgentSession, message: m.ReliableMessage) -> None:
        detail = f"agent {session.agent_id} does not hold lease {message.epoch} of {message.attempt_key}"
        session.refuse("stale-lease", detail, message.attempt_key, message.epoch)
        if not isinstance(message, m.LogWritten):
            self._record(self._commands.report(session, message))


def check_attempt(regions: tuple[str, ...], attempt_key: str) -> None:
    """Raises MalformedReport for a text that can't be the key of an attempt here."""
    try:
        region = region_of_run(split_attempt_key(attempt_key)[0])
    except ValueError as error:
        raise MalformedReport(f"'{attempt_key}' is not the key of an attempt: {error}") from error
    if region not in regions:
        raise MalformedReport(f"'{attempt_key}' names region '{region}', which does not exist")


def _check_chunk(message: m.LogWritten) -> None:
    """What goes into the log is what viewers will decode, and under the key it says."""
    try:
        chunk = decode_chunk(message.chunk)
    except NotUnderstood as error:
        raise MalformedReport(f"a chunk of {message.attempt_key}'s log can't be read: {error}") from error
    if (chunk.attempt_key, chunk.epoch) != (message.attempt_key, message.epoch):
        raise MalformedReport(f"a chunk of {chunk.attempt_key}'s log was sent as {message.attempt_key}'s")
