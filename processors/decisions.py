"""One command through its aggregate: decide, evolve in memory, seal and send the events, react.

Nothing here waits or reads the clock: `now` is the batch's. A command that breaks the code is not retried for
ever: see Poisoned.
"""

import logging
import traceback
from datetime import datetime, timedelta

import msgspec

from core.aggregate import CommandIgnored, CommandRejected, Rejected, Tick
from core.eventlog.envelope import CommandEnvelope, Stream
from core.eventlog.routing import decode_command, route
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import derived_id
from core.ports import Record
from processors import dead_letters
from processors.emitter import Emitter, RecordTooLarge
from processors.kinds import Kinds
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.partition_state import LiveStream, PartitionState
from processors.restore import BadHint, Halted, Restorer

log = logging.getLogger("sealane.processors")

Events = tuple[Message, ...]
Hint = tuple[int, int]


class Poisoned(Exception):
    """A command whose events can't be applied, written or reacted to: memory may be half changed.

    The batch must be given up and the partition restored; the next time the command is refused unseen.
    """


class Decider:
    """Decides the commands and deadlines of one batch after the other. Memory runs ahead of the commit."""

    def __init__(
        self,
        kinds: Kinds,
        topology: Topology,
        restorer: Restorer,
        metrics: ProcessorMetrics,
        options: ProcessorOptions,
    ) -> None:
        self._kinds = kinds
        self._topology = topology
        self._restorer = restorer
        self._metrics = metrics
        self._stuck_retry = timedelta(seconds=options.stuck_deadline_retry_seconds)
        self._poisoned: dict[str, str] = {}
        self._refused_unseen: list[str] = []

    def decide(self, state: PartitionState, record: Record, out: Emitter) -> None:
        """Decide one command of the log. Raises Poisoned."""
        self._metrics.commands += 1
        try:
            command = decode_command(record.value or b"")
            live, hint = self._find(state, command)
        except msgspec.DecodeError as error:
            return out.bury(record, None, dead_letters.UNDECODABLE, str(error))
        except LookupError as error:
            return out.bury(record, command, dead_letters.MISROUTED, str(error.args[0]))
        except (BadHint, Halted) as error:
            return out.bury(record, command, dead_letters.BAD_HINT, str(error))
        if command.command_id in live.remembered:
            self._metrics.duplicates += 1
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
        now = max(out.now, state.recorded_at)
        command = _tick_command(live, state.region, due)
        self._metrics.ticks += 1
        try:
            if command.command_id in self._poisoned:
                raise Poisoned(self._poisoned[command.command_id])
            events = live.kind.aggregate.decide(live.state, Tick(), now)
            again = None if events else live.kind.aggregate.deadline(live.state)
        except Exception:
            log.exception("the deadline of %s could not be decided", name, extra={"stream": name})
            return self._postpone(state, name, now)
        if events:
            return self._write(state, live, command, events, None, out)
        if again is not None and again <= now:
            log.error("the deadline of %s passed and nothing came of it", name, extra={"stream": name})
            return self._postpone(state, name, now)
        return state.deadlines.set(name, again)

    def committed(self) -> None:
        """The batch is in the log: the poisoned commands it refused won't come again."""
        for command_id in self._refused_unseen:
            self._poisoned.pop(command_id, None)
        self._refused_unseen.clear()

    def _postpone(self, state: PartitionState, name: str, now: datetime) -> None:
        self._metrics.stuck_deadlines += 1
        state.deadlines.set(name, now + self._stuck_retry)

    def _find(self, state: PartitionState, command: CommandEnvelope) -> tuple[LiveStream, Hint | None]:
        """The stream, from memory or (with the hint used) from its events. Raises LookupError when it isn't ours."""
        live = state.streams.get(command.stream)
        if live is not None:
            return live, None
        try:
            stream = Stream.parse(command.stream)
        except ValueError as error:
            raise LookupError(str(error)) from error
        kind = self._kinds.get(stream.kind)
        if kind is None:
            raise LookupError(f"no aggregate of kind '{stream.kind}' here")
        topic, partition, _ = route(self._topology, state.region, stream)
        if (topic, partition) != state.commands:
            raise LookupError(f"{command.stream} belongs to {topic}:{partition}, not to {state.commands}")
        live = LiveStream(command.stream, kind)
        if command.hint is not None:
            self._restorer.cold_load(state, live, command.hint)
        return live, command.hint if live.version else None

    def _answer(
        self, state: PartitionState, live: LiveStream, command: CommandEnvelope, record: Record, out: Emitter
    ) -> Events:
        """The events of the decision; where there can't be one, a dead letter and a refusal."""
        if self._poisoned and command.command_id in self._poisoned:
            detail = self._poisoned[command.command_id]
            self._refused_unseen.append(command.command_id)
            out.bury(record, command, dead_letters.FAILED, detail)
            return self._refuse(command, dead_letters.FAILED, detail.partition("\n")[0])
        decode = live.kind.command_decoders.get(command.type)
        if decode is None:
            detail = f"{live.kind.name} knows no command '{command.type}'"
            out.bury(record, command, dead_letters.UNKNOWN, detail)
            return self._refuse(command, dead_letters.UNKNOWN, detail)
        try:
            message = decode(command.data)
        except msgspec.DecodeError as error:
            out.bury(record, command, dead_letters.UNDECODABLE, str(error))
            return self._refuse(command, dead_letters.UNDECODABLE, str(error))
        try:
            return live.kind.aggregate.decide(live.state, message, max(out.now, state.recorded_at))
        except Rejected as refusal:
            return self._refuse(command, refusal.code, refusal.detail)
        except Exception as error:
            out.bury(record, command, dead_letters.FAILED, traceback.format_exc())
            return self._refuse(command, dead_letters.FAILED, f"the decision failed: {error!r}")

    def _refuse(self, command: CommandEnvelope, code: str, detail: str) -> Events:
        self._metrics.rejections += 1
        return (CommandRejected(command_type=command.type, code=code, detail=detail),)

    def _write(
        self,
        state: PartitionState,
        live: LiveStream,
        command: CommandEnvelope,
        events: Events,
        hint: Hint | None,
        out: Emitter,
    ) -> None:
        if live.name not in state.streams:
            state.add(live)
        if not live.version:
            live.correlation_id = command.correlation_id
        try:
            out.emit(state, live, command, events, hint)
            state.watch_deadline(live)
        except out.FAILURES:
            raise
        except RecordTooLarge as error:
            self._poison(command, str(error))
        except Exception:
            self._poison(command, f"its events could not be applied:\n{traceback.format_exc()}")

    def _poison(self, command: CommandEnvelope, detail: str) -> None:
        self._poisoned[command.command_id] = detail
        raise Poisoned(f"command {command.command_id} ({command.type} of {command.stream}): {detail}")


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
