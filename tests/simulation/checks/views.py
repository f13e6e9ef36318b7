"""The views are what the log says: the same as those made anew from the first record, as far as they have come."""

from core.ports import TopicPartition
from infra.memory.reader import MemoryLogReader
from infra.memory.views import MemoryViews, MemoryViewStore
from projections.projector import Projector, partitions_of
from tests.simulation.checks.observer import Check
from tests.simulation.world.world import World


class ViewsCheck(Check):
    """Asked now and then, and at the end."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._rebuilt = MemoryViews()

    def compare(self) -> None:
        """Between two transactions of the projector only: what is not committed is nobody's view."""
        live = self._world.views
        if live.in_transaction:
            return
        self._rebuild(dict(live.offsets))
        for table in sorted({*live.tables, *self._rebuilt.tables}):
            ours, theirs = live.tables.get(table, {}), self._rebuilt.tables.get(table, {})
            if ours != theirs:
                keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
                key = keys[0]
                self.wrong(
                    f"view {table} {key} is {ours.get(key)}, rebuilt {theirs.get(key)} ({len(keys)} rows differ)"
                )
        if live.halted:
            self.wrong(f"the projector halted: {live.halted}")

    def is_caught_up(self) -> bool:
        log, offsets = self._world.log.memory, self._world.views.offsets
        return all(
            not log.partition(where).read(offsets.get(where, 0), 1)[0] for where in partitions_of(self._world.topology)
        )

    def _rebuild(self, limits: dict[TopicPartition, int]) -> None:
        """Up to these offsets; it goes on from where it came to the last time, unless the live ones went back."""
        if any(limits.get(where, 0) < offset for where, offset in self._rebuilt.offsets.items()):
            self._rebuilt = MemoryViews()
        reader = MemoryLogReader(self._world.log.memory, "checker")
        partitions = partitions_of(self._world.topology)
        projector = Projector(reader, lambda: MemoryViewStore(self._rebuilt), partitions, limits=limits)
        left = {where: limit for where, limit in limits.items() if limit}
        while any(projector.projected().get(where, 0) < limit for where, limit in left.items()):
            if not projector.run_once(0):
                break
        projector.close()
