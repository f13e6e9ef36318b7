"""One command through its aggregate: decide, then hand the events to the emitter.

Nothing here waits or reads the clock: `now` is the batch's. A command that breaks the code is not retried for
ever: see Poisoned.
"""

import logging
import traceback
from datetime import datetime, timedelta

import msgspec

from core.aggregate import CommandIgnored, CommandRejected, Rejected, Tick
from core.eventlog.envelope import CommandEnvelope
from core.eventlog.routing import decode_command
from core.eventlog.serialization import Message, NewerMessage, UnknownMessage
from core.ids import derived_id
from core.ports import Record
from processors import dead_letters
from processors.emitter import Emitter, RecordTooLarge
from processors.lookup import StreamLookup, Unfindable
from processors.options import ProcessorOptions
from processors.partition_state import LiveStream, PartitionState

log = logging.getLogger("sealane.processors")

Events = tuple[Message, ...]
Hint = tuple[int, int]


class Poisoned(Exception):
    """A command whose events can't be applied, written or reacted to: memory may be half changed.

    The batch must be given up and the partition restored; the next time the command is refused unseen.
    """


class Decider:
    """Decides the commands and deadlines of one batch after the other. Memory runs ahead of the commit."""

    def __init__(self, lookup: StreamLookup, options: ProcessorOptions) -> None:
        self._lookup = lookup
        self._stuck_retry = timedelta(seconds=options.stuck_deadline_retry_seconds)
        self._poisoned: dict[str, str] = {}
        self._refused_unseen: list[str] = []

    def decide(self, state: PartitionState, record: Record, out: Emitter) -> None:
        """Decide one command of the log. Raises Poisoned."""
        out.tally.commands += 1
        try:
            command = decode_command(record.value or b"")
        except msgspec.DecodeError as error:
            return out.bury(record, None, dead_letters.UNDECODABLE, str(error))
        try:
            live, hint = self._lookup.find(state, command)
        except Unfindable as error:
            return out.bury(record, command, error.code, error.detail)
        if command.command_id in live.remembered:
            out.tally.duplicates += 1
            return None
        events = self._answer(state, live, command, record, out)
        if not events and command.wants_reply:
            events = (CommandIgnored(command_type=command.type),)
        if events:
            self._write(state, live, command, events, hint, out)
        return None

    def tick(self, state: PartitionState, name: str, due: datetime, out: Emitter) -> None:
        """Ask a stream whose deadline has passed. Raises Poisoned."""
        live = state.streams[name]
        now = state.time(out.now)
        command = _tick_command(live, state.region, due)
        out.tally.ticks += 1
        try:
            if command.command_id in self._poisoned:
                raise Poisoned(self._poisoned[command.command_id])
            events = live.kind.decide(live.state, Tick(), now)
            again = None if events else live.kind.aggregate.deadline(live.state)
        except Exception:
            log.exception("the deadline of %s could not be decided", name, extra={"stream": name})
            return self._postpone(state, name, now, out)
        if events:
            return self._write(state, live, command, events, None, out)
        if again is not None and again <= now:
            log.error("the deadline of %s passed and nothing came of it", name, extra={"stream": name})
            return self._postpone(state, name, now, out)
        return state.deadlines.set(name, again)

    def committed(self) -> None:
        """The batch is in the log: the poisoned commands it refused won't come again."""
        for command_id in self._refused_unseen:
            self._poisoned.pop(command_id, None)
        self._refused_unseen.clear()

    def _postpone(self, state: PartitionState, name: str, now: datetime, out: Emitter) -> None:
        """Not a circle without end: a deadline that leads nowhere is asked again much later."""
        out.tally.stuck_deadlines += 1
        state.deadlines.set(name, now + self._stuck_retry)

    def _answer(
        self, state: PartitionState, live: LiveStream, command: CommandEnvelope, record: Record, out: Emitter
    ) -> Events:
        """The events of the decision. Where there can't be one: a dead letter, and a refusal in the stream."""
        try:
            if self._poisoned and command.command_id in self._poisoned:
                return self._refuse_poisoned(command, record, out)
            message = live.kind.decode_command(command)
        except NewerMessage as error:
            return _bury(record, command, dead_letters.TOO_NEW, str(error), out)
        except UnknownMessage:
            return _bury(record, command, dead_letters.UNKNOWN, f"unknown command '{command.type}'", out)
        except (LookupError, msgspec.DecodeError) as error:
            return _bury(record, command, dead_letters.UNDECODABLE, str(error), out)
        try:
            return live.kind.decide(live.state, message, state.time(out.now))
        except Rejected as refusal:
            return _refuse(command, refusal.code, refusal.detail, out)
        except Exception:
            return _bury(record, command, dead_letters.FAILED, traceback.format_exc(), out)

    def _refuse_poisoned(self, command: CommandEnvelope, record: Record, out: Emitter) -> Events:
        self._refused_unseen.append(command.command_id)
        return _bury(record, command, dead_letters.FAILED, self._poisoned[command.command_id], out)

    def _write(
        self,
        state: PartitionState,
        live: LiveStream,
        command: CommandEnvelope,
        events: Events,
        hint: Hint | None,
        out: Emitter,
    ) -> None:
        try:
            out.emit(state, live, command, events, hint)
            state.watch_deadline(live)
        except out.FAILURES:
            raise
        except RecordTooLarge as error:
            self._poison(command, str(error))
        except Exception:
            self._poison(command, traceback.format_exc())

    def _poison(self, command: CommandEnvelope, detail: str) -> None:
        self._poisoned[command.command_id] = detail
        raise Poisoned(f"command {command.command_id} ({command.type} of {command.stream}): {detail}")


def _bury(record: Record, command: CommandEnvelope, code: str, detail: str, out: Emitter) -> Events:
    out.bury(record, command, code, detail)
    return _refuse(command, code, detail.strip().splitlines()[-1], out)


def _refuse(command: CommandEnvelope, code: str, detail: str, out: Emitter) -> Events:
    out.tally.rejections += 1
    return (CommandRejected(command_type=command.type, code=code, detail=detail),)


def _tick_command(live: LiveStream, region: str, due: datetime) -> CommandEnvelope:
    return CommandEnvelope(
        command_id=derived_id("tick", live.name, live.version, due.isoformat()),
        type=Tick.TYPE,
        stream=live.name,
        region=region,
        actor="sealane",
        correlation_id=live.correlation_id,
        causation_id="",
        issued_at=due,
        data=msgspec.Raw(b"{}"),
    )
