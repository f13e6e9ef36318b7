"""Consumer groups in memory, like Kafka's own protocol (KIP-848): incremental, and a partition changes hands only
when its former owner has let it go or is gone.
"""

from dataclasses import dataclass, field

from core.ports import TopicPartition
from infra.memory.partition import Transaction


@dataclass(eq=False)
class Member:
    """`owned`: what the member was told it has; `target`: what it shall have. `expires` is set when it falls silent."""

    id: str
    owner: str
    topics: frozenset[str]
    epoch: int
    owned: set[TopicPartition] = field(default_factory=set)
    target: set[TopicPartition] = field(default_factory=set)
    expires: float | None = None


class MemoryGroup:
    """Members, their partitions and the committed offsets."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.pending: list[Transaction] = []
        self.epoch = 0
        self._joined = 0

    def join(self, owner: str, topics: frozenset[str], partitions: list[TopicPartition]) -> Member:
        self._joined += 1
        member = Member(f"{owner}-{self._joined}", owner, topics, self.epoch)
        self.members[member.id] = member
        self.balance(partitions)
        return member

    def leave(self, member: Member, partitions: list[TopicPartition]) -> None:
        if self.members.pop(member.id, None) is not None:
            self.balance(partitions)

    def balance(self, partitions: list[TopicPartition]) -> None:
        """Even shares; whoever has a partition keeps it as far as its share allows."""
        self.epoch += 1
        members = sorted(self.members.values(), key=lambda member: member.id)
        if not members:
            return
        wanted = [where for where in partitions if any(where.topic in member.topics for member in members)]
        shares = [len(wanted) // len(members) + (n < len(wanted) % len(members)) for n in range(len(members))]
        left = dict.fromkeys(wanted)
        for member, share in zip(members, shares, strict=True):
            kept = [where for where in sorted(member.target) if where in left][:share]
            member.target = set(kept)
            for where in kept:
                del left[where]
        for member, share in zip(members, shares, strict=True):
            for where in list(left)[: share - len(member.target)]:
                member.target.add(where)
                del left[where]

    def free(self, where: TopicPartition) -> bool:
        return all(where not in member.owned for member in self.members.values())

    def undecided(self, partitions: list[TopicPartition]) -> bool:
        """Whether an open transaction is about to move the offset of one of these."""
        self.pending = [transaction for transaction in self.pending if transaction.outcome == "open"]
        return any(
            where in offsets
            for transaction in self.pending
            for offsets in transaction.offsets.values()
            for where in partitions
        )
