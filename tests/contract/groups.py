"""A member of a consumer group that remembers what its callbacks told it."""

from collections.abc import Callable

from core.ports import Record, TopicPartition
from tests.contract.worlds import World


class Member:
    """`owned` follows the callbacks; `events` is their history."""

    def __init__(self, world: World, group: str, *topics: str) -> None:
        self.consumer = world.consumer(group)
        self.owned: set[TopicPartition] = set()
        self.records: list[Record] = []
        self.events: list[str] = []
        self.consumer.subscribe(topics, self._assigned, self._released("revoked"), self._released("lost"))

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]

    def poll(self) -> None:
        self.records += self.consumer.poll(100, 0.05)

    def _assigned(self, partitions: frozenset[TopicPartition]) -> None:
        assert not partitions & self.owned
        self.events.append("assigned")
        self.owned |= partitions

    def _released(self, name: str) -> Callable[[frozenset[TopicPartition]], None]:
        def released(partitions: frozenset[TopicPartition]) -> None:
            assert partitions <= self.owned
            self.events.append(name)
            self.owned -= partitions

        return released


def poll_until(*members_and_condition: Member | Callable[[], bool]) -> None:
    """Poll the members in turn until the last argument, a condition, holds."""
    *members, condition = members_and_condition
    assert callable(condition)
    for _ in range(600):
        for member in members:
            assert isinstance(member, Member)
            member.poll()
        if condition():
            return
    raise AssertionError(f"it never came true; members: {[vars(member) for member in members]}")
