"""Where the partitions of the log lie: brokers in racks (regions), replicas, leaders. Facts and rules, no I/O."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from core.eventlog.topics import Topology

T = TypeVar("T")
OURS = "sealane."


class PartitionPlace(msgspec.Struct, frozen=True):
    """One partition. The first of `replicas` is the preferred leader; `leader` is None while there is none."""

    topic: str
    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]

    @property
    def preferred(self) -> int:
        return self.replicas[0]


class ClusterState(msgspec.Struct, frozen=True):
    """`racks` are those of the brokers that are there; a broker without one has "".

    `lag` are undecided commands by partition number, of all contexts; without those that can't be told just now.
    """

    racks: dict[int, str]
    places: tuple[PartitionPlace, ...]
    lag: dict[int, int] = {}

    def brokers_of(self, rack: str) -> tuple[int, ...]:
        return tuple(sorted(broker for broker, other in self.racks.items() if other == rack))


class ReplicaMove(msgspec.Struct, frozen=True):
    """The replicas a partition should have, the preferred leader first."""

    topic: str
    partition: int
    replicas: tuple[int, ...]

    def __str__(self) -> str:
        return f"place {self.topic}:{self.partition} on brokers {', '.join(map(str, self.replicas))}"


class Placement:
    """Which brokers a partition belongs on: its leader in its region, each further replica in another rack.

    Says nothing (None) where no broker's rack is the partition's region: then Kafka places it.
    """

    def __init__(self, topology: Topology, racks: Mapping[int, str], replication_factor: int) -> None:
        self._topology = topology
        self._racks = dict(sorted(racks.items()))
        self._factor = replication_factor

    def replicas(self, partition: int) -> tuple[int, ...] | None:
        if partition >= self._topology.partitions or self._factor > len(self._racks):
            return None
        region = self._topology.region_of(partition)
        at_home = self._in(region)
        if not at_home:
            return None
        within = partition - self._topology.block(region).start
        others = sorted({*self._racks.values()} - {region}, key=lambda rack: self._after(region, rack))
        # One broker of each rack, then the next of each: as many racks as there can be hold a copy.
        turns = [_from(at_home, within), *(_from(self._in(rack), within) for rack in _from(others, within))]
        spread = [brokers[turn] for turn in range(len(self._racks)) for brokers in turns if turn < len(brokers)]
        return tuple(spread[: self._factor])

    def knows(self, brokers: Iterable[int]) -> bool:
        """Whether all of them are there."""
        return self._racks.keys() >= set(brokers)

    def _in(self, rack: str) -> list[int]:
        return [broker for broker, other in self._racks.items() if other == rack]

    def _after(self, region: str, rack: str) -> tuple[int, str]:
        """The regions that follow come first, so that the lost leaders of a region don't all go to one other."""
        regions = self._topology.regions
        if rack not in regions:
            return len(regions), rack
        return (regions.index(rack) - regions.index(region)) % len(regions), rack


def _from(items: list[T], start: int) -> list[T]:
    """The items, beginning somewhere else."""
    turn = start % len(items) if items else 0
    return items[turn:] + items[:turn]


def leaders_away(state: ClusterState, rack: str) -> tuple[ReplicaMove, ...]:
    """New orders of replicas (never new replicas) that prefer no leader in this rack, where there is another."""
    brokers = set(state.brokers_of(rack))
    moves = []
    for place in state.places:
        elsewhere = [broker for broker in place.replicas if broker not in brokers]
        if place.preferred in brokers and elsewhere:
            stay = [broker for broker in place.replicas if broker in brokers]
            moves.append(ReplicaMove(place.topic, place.partition, (*elsewhere, *stay)))
    return tuple(moves)


def leaders_home(state: ClusterState, topology: Topology, region: str) -> tuple[ReplicaMove, ...]:
    """New orders of replicas that prefer the region's own brokers for its own partitions."""
    brokers, block = set(state.brokers_of(region)), topology.block(region)
    moves = []
    for place in state.places:
        here = [broker for broker in place.replicas if broker in brokers]
        if place.topic.startswith(OURS) and place.partition in block and here and place.preferred not in brokers:
            rest = [broker for broker in place.replicas if broker not in brokers]
            moves.append(ReplicaMove(place.topic, place.partition, (*here, *rest)))
    return tuple(moves)
