"""TopicAdmin over the log in memory."""

from collections.abc import Iterable, Mapping

from core.cluster import ReplicaMove
from core.eventlog.topics import TopicSpec
from core.ports import LogUnavailable, TopicPartition
from infra.memory.log import MemoryLog


class MemoryTopicAdmin:
    """See core.ports.TopicAdmin."""

    def __init__(self, log: MemoryLog, owner: str = "admin") -> None:
        self._log = log
        self._owner = owner

    def describe(self) -> dict[str, TopicSpec]:
        with self._log.call(self._owner, "admin.describe"):
            return {name: spec for name, spec in sorted(self._log.specs.items()) if name.startswith("sealane.")}

    def create(self, specs: Iterable[TopicSpec]) -> None:
        with self._log.call(self._owner, "admin.create"):
            for spec in specs:
                self._log.create(spec)

    def add_partitions(self, name: str, total: int) -> None:
        with self._log.call(self._owner, "admin.add_partitions"):
            if total <= self._spec(name).partitions:
                raise LogUnavailable(f"adding partitions to {name}: it has {self._spec(name).partitions} already")
            self._log.grow(name, total)

    def set_config(self, name: str, config: Mapping[str, str]) -> None:
        with self._log.call(self._owner, "admin.set_config"):
            spec = self._spec(name)
            self._log.specs[name] = TopicSpec(name, spec.partitions, {**spec.config, **config})

    def misplaced(self, names: Iterable[str]) -> tuple[ReplicaMove, ...]:
        """There is one place only."""
        return ()

    def place(self, moves: Iterable[ReplicaMove]) -> None:
        for move in moves:
            raise LogUnavailable(f"the log in memory has no other place for {move.topic}:{move.partition}")

    def group_offsets(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        wanted = list(partitions)
        with self._log.call(self._owner, "admin.group_offsets"):
            found = self._log.group(group)
            if found.undecided(wanted):
                raise LogUnavailable(f"a transaction is about to move the offsets of group {group}")
            return {where: found.offsets[where] for where in wanted if where in found.offsets}

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        with self._log.call(self._owner, "admin.set_group_offsets"):
            if self._log.group(group).members:
                raise LogUnavailable(f"setting the offsets of group {group}: it has members")
            self._log.group(group).offsets.update(offsets)

    def _spec(self, name: str) -> TopicSpec:
        if name not in self._log.specs:
            raise LogUnavailable(f"there is no topic {name}")
        return self._log.specs[name]
