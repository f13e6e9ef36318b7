"""What a region looks like: its part of the log, its brokers, its pools."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from core.cluster import OURS, ClusterState, PartitionPlace
from core.eventlog.topics import Topology
from projections.queries.types import Pool


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """`brokers` are those of this rack that are there; they lead `leaders` partitions of any region and topic.

    Of the `partitions` of the region's own block, `led_here` are led by its own brokers, `led_elsewhere` by others; the
    rest have no leader just now. `in_sync` of `replicas` copies of that block are in sync. `lag` are its commands that
    are not decided yet (transaction markers at the end count too); null while that can't be told. `evacuated_at` is
    that of its first evacuated pool.

    `state`: lost (it has no broker, and others have), evacuated (all its pools are), partly-evacuated, serving.
    """

    name: str
    state: Literal["serving", "partly-evacuated", "evacuated", "lost"]
    brokers: tuple[int, ...]
    leaders: int
    partitions: int
    led_here: int
    led_elsewhere: int
    replicas: int
    in_sync: int
    lag: int | None
    agents: int
    slots: int
    busy: int
    queued: int
    evacuated_at: datetime | None
    evacuated_reason: str
    evacuated_by: str
    pools: tuple[Pool, ...]


def region_documents(topology: Topology, cluster: ClusterState, pools: Sequence[Pool]) -> tuple[Region, ...]:
    return tuple(
        _region(topology, cluster, name, [pool for pool in pools if pool.region == name]) for name in topology.regions
    )


def _region(topology: Topology, cluster: ClusterState, name: str, pools: Sequence[Pool]) -> Region:
    brokers = cluster.brokers_of(name)
    block = [place for place in cluster.places if _in_block(topology, place, name)]
    led = [place for place in block if place.leader is not None]
    led_here = sum(place.leader in brokers for place in led)
    evacuated = sorted((pool for pool in pools if pool.evacuated_at), key=lambda pool: str(pool.evacuated_at))
    first = evacuated[0] if evacuated else None
    return Region(
        name=name,
        state=_state(cluster, brokers, pools, evacuated),
        brokers=brokers,
        leaders=sum(place.leader in brokers for place in cluster.places),
        partitions=len(block),
        led_here=led_here,
        led_elsewhere=len(led) - led_here,
        replicas=sum(len(place.replicas) for place in block),
        in_sync=sum(len(place.in_sync) for place in block),
        lag=_lag(topology, cluster, name),
        agents=sum(pool.agents for pool in pools),
        slots=sum(pool.slots for pool in pools),
        busy=sum(pool.busy for pool in pools),
        queued=sum(pool.queued for pool in pools),
        evacuated_at=first.evacuated_at if first else None,
        evacuated_reason=first.evacuated_reason if first else "",
        evacuated_by=first.evacuated_by if first else "",
        pools=tuple(pools),
    )


def _in_block(topology: Topology, place: PartitionPlace, region: str) -> bool:
    return place.topic.startswith(OURS) and place.partition in topology.block(region)


def _state(
    cluster: ClusterState, brokers: Sequence[int], pools: Sequence[Pool], evacuated: Sequence[Pool]
) -> Literal["serving", "partly-evacuated", "evacuated", "lost"]:
    if not brokers and any(cluster.racks.values()):
        return "lost"
    if not evacuated:
        return "serving"
    return "evacuated" if len(evacuated) == len(pools) else "partly-evacuated"


def _lag(topology: Topology, cluster: ClusterState, region: str) -> int | None:
    known = [cluster.lag.get(number) for number in topology.block(region)]
    return None if None in known else sum(number or 0 for number in known)
