"""The stream that a command is for: in memory, or brought back from the offsets its hint names, or new."""

from core.eventlog.envelope import CommandEnvelope, Stream
from core.eventlog.routing import route
from core.eventlog.topics import Topology
from processors import dead_letters
from processors.fold import BadHint, Halted
from processors.kinds import Kinds
from processors.partition_state import LiveStream, PartitionState
from processors.restore import Restorer


class Unfindable(Exception):
    """The command can't be decided here. `code` is that of its dead letter."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StreamLookup:
    """Raises Unfindable, or LogUnavailable while a stream's history can't be read."""

    def __init__(self, kinds: Kinds, topology: Topology, restorer: Restorer) -> None:
        self._kinds = kinds
        self._topology = topology
        self._restorer = restorer

    def find(self, state: PartitionState, command: CommandEnvelope) -> tuple[LiveStream, tuple[int, int] | None]:
        """The stream, and the hint where one was used. A new stream is not yet part of `state`."""
        live = state.streams.get(command.stream)
        if live is not None and (live.facts or command.hint is None):
            return live, None
        live = self._new(state, command)
        if command.hint is None:
            return live, None
        try:
            self._restorer.cold_load(state, live, command.hint)
        except (BadHint, Halted) as error:
            raise Unfindable(dead_letters.BAD_HINT, str(error)) from error
        return live, command.hint if live.version else None

    def _new(self, state: PartitionState, command: CommandEnvelope) -> LiveStream:
        try:
            stream = Stream.parse(command.stream)
            kind = self._kinds[stream.kind]
            topic, partition, _ = route(self._topology, state.region, stream)
        except (KeyError, ValueError) as error:
            raise Unfindable(dead_letters.MISROUTED, str(error.args[0])) from error
        if (topic, partition) != state.commands:
            here = f"{state.commands.topic}:{state.commands.partition}"
            raise Unfindable(dead_letters.MISROUTED, f"{command.stream} belongs to {topic}:{partition}, not to {here}")
        return LiveStream(command.stream, kind)
