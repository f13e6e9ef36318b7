"""GroupConsumer over the log in memory."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.ports import Fenced, LogUnavailable, PartitionsCallback, Record, TopicPartition
from infra.memory.groups import Member
from infra.memory.log import MemoryLog


class GroupMetadata(NamedTuple):
    """Who consumes, as of which epoch: what a transaction shows to prove that its offsets are its own."""

    group: str
    member_id: str
    epoch: int


class MemoryGroupConsumer:
    """See core.ports.GroupConsumer."""

    def __init__(self, log: MemoryLog, group: str, owner: str = "consumer") -> None:
        self._log = log
        self._group = log.group(group)
        self._group_name = group
        self._owner = owner
        self._topics: frozenset[str] = frozenset()
        self._member: Member | None = None
        self._positions: dict[TopicPartition, int] = {}
        # The change of the log up to which everything was read.
        self._read_up_to = -1
        self._callbacks: tuple[PartitionsCallback, PartitionsCallback, PartitionsCallback] | None = None

    def subscribe(
        self,
        topics: Iterable[str],
        on_assigned: PartitionsCallback,
        on_revoked: PartitionsCallback,
        on_lost: PartitionsCallback,
    ) -> None:
        self._topics = frozenset(topics)
        self._callbacks = (on_assigned, on_revoked, on_lost)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        before: dict[TopicPartition, int] = {}
        try:
            with self._log.call(self._owner, "consumer.poll"):
                self._reconcile(self._join())
                before = dict(self._positions)
                found = self._read(max_records)
        except LogUnavailable:
            self._positions |= before  # A poll that fails has taken nothing.
            self._read_up_to = -1
            raise
        if not found and timeout_seconds > 0:
            self._log.on_idle(timeout_seconds)
        return found

    def seek(self, partition: TopicPartition, offset: int) -> None:
        with self._log.call(self._owner, "consumer.seek"):
            if partition not in self._positions:
                raise LogUnavailable(f"seeking {partition.topic}:{partition.partition}: it is not assigned")
            self._positions[partition] = offset
            self._read_up_to = -1

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with self._log.call(self._owner, "consumer.commit"):
            if self._member is None or self._member.id not in self._group.members:
                raise Fenced("committing offsets: this member is no longer in the group")
            self._group.offsets.update(offsets)

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        wanted = list(partitions)
        with self._log.call(self._owner, "consumer.committed"):
            if self._group.undecided(wanted):
                raise LogUnavailable("fetching committed offsets: a transaction on them is undecided")
            return {where: self._group.offsets.get(where) for where in wanted}

    def group_metadata(self) -> object:
        member = self._member
        return GroupMetadata(self._group_name, member.id if member else "", member.epoch if member else -1)

    def close(self) -> None:
        """A member that can't say goodbye sends no heartbeats any more: its session ends."""
        member = self._member
        try:
            self._leave()
        finally:
            if member is not None:
                self._log.fall_silent(member)

    def _leave(self) -> None:
        with self._log.call(self._owner, "consumer.close"):
            member, self._member = self._member, None
            if member is None or self._callbacks is None:
                return
            if member.id in self._group.members and self._positions:
                self._member = member
                self._callbacks[1](frozenset(self._positions))
                self._member = None
            self._positions.clear()
            self._group.leave(member, self._log.all_partitions())

    def _join(self) -> Member:
        """The member, made anew when the group has given it up meanwhile."""
        if self._member is not None and self._member.id in self._group.members:
            self._member.expires = None
            return self._member
        lost = frozenset(self._positions)
        self._positions.clear()
        if lost and self._callbacks is not None:
            self._callbacks[2](lost)
        self._member = self._group.join(self._owner, self._topics, self._log.all_partitions())
        return self._member

    def _reconcile(self, member: Member) -> None:
        if self._callbacks is None:
            return
        assigned, revoked, _ = self._callbacks
        if member.epoch == self._group.epoch and member.owned == member.target:
            return
        leaving = member.owned - member.target
        if leaving:
            revoked(frozenset(leaving))
            member.owned -= leaving
            for where in leaving:
                del self._positions[where]
        arriving = {where for where in member.target - member.owned if self._group.free(where)}
        member.epoch = self._group.epoch
        if arriving:
            member.owned |= arriving
            for where in sorted(arriving):
                start = self._log.partition(where).start
                self._positions[where] = self._group.offsets.get(where, start)
            self._read_up_to = -1
            assigned(frozenset(arriving))

    def _read(self, max_records: int) -> list[Record]:
        if self._read_up_to == self._log.changes:
            return []
        found = self._log.read(self._positions, max_records)
        if len(found) < max_records:
            self._read_up_to = self._log.changes
        return found
