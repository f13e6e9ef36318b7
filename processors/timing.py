"""When a partition may tick, must be checkpointed, and when the loop has to wake up."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from processors.options import ProcessorOptions
from processors.partition_state import PartitionState


class Timing:
    """Pure: all from the state and `now`."""

    def __init__(self, options: ProcessorOptions) -> None:
        self._events = options.checkpoint_events
        self._per_snapshot = options.events_per_snapshot
        self._interval = timedelta(seconds=options.checkpoint_seconds)
        self._grace = timedelta(seconds=options.catch_up_grace_seconds)

    def checkpoint_due(self, state: PartitionState, now: datetime) -> bool:
        if not (state.dirty or state.evicted):
            return False
        # Where most streams are busy at once, a checkpoint as often as that would cost more than the events.
        if state.events_since_checkpoint >= max(self._events, self._per_snapshot * len(state.dirty)):
            return True
        return now - state.checkpoint_at >= self._interval

    def due(self, state: PartitionState, now: datetime) -> list[tuple[str, datetime]]:
        """The streams whose deadline has passed, each at most once."""
        due: list[tuple[str, datetime]] = []
        earliest = state.deadlines.earliest()
        if earliest is not None and earliest <= now and self._caught_up(state, now):
            while (entry := state.deadlines.take(now)) is not None:
                due.append(entry)
        return due

    def wait_seconds(self, states: Iterable[PartitionState], now: datetime, longest: float) -> float:
        """How long the loop may wait for commands without missing a deadline."""
        for state in states:
            due = state.deadlines.earliest()
            if due is None:
                continue
            if not self._caught_up(state, now):
                due = max(due, state.restored_at + self._grace)
            longest = min(longest, (due - now).total_seconds())
        return max(longest, 0.0)

    def _caught_up(self, state: PartitionState, now: datetime) -> bool:
        """After an outage the commands that waited go first: an agent's heartbeat before the agent's end.

        The grace is for partitions whose last offsets are transaction markers, which no consumer is told about.
        """
        return state.commands_next >= state.commands_end or now >= state.restored_at + self._grace
