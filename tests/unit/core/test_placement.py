"""Where partitions belong in a cluster of several regions, and how leaders leave and come back."""

from core.cluster import ClusterState, PartitionPlace, Placement, ReplicaMove, leaders_away, leaders_home
from core.eventlog.topics import Topology

TOPOLOGY = Topology(("us-east", "eu-west", "ap-south"), 2)
THREE = {1: "us-east", 2: "eu-west", 3: "ap-south"}


def place(partition: int, *replicas: int, topic: str = "sealane.x") -> PartitionPlace:
    return PartitionPlace(topic, partition, replicas[0], replicas, tuple(sorted(replicas)))


def test_leader_lies_in_the_region_and_the_copies_elsewhere() -> None:
    placement = Placement(TOPOLOGY, THREE, 3)
    assert [placement.replicas(number) for number in range(6)] == [
        (1, 2, 3),
        (1, 3, 2),
        (2, 3, 1),
        (2, 1, 3),
        (3, 1, 2),
        (3, 2, 1),
    ]


def test_several_brokers_of_a_region_share_its_partitions_and_no_two_copies_lie_in_one() -> None:
    racks = {1: "us-east", 2: "eu-west", 3: "ap-south", 11: "us-east", 12: "eu-west", 13: "ap-south"}
    placement = Placement(TOPOLOGY, racks, 3)
    found = [placement.replicas(number) for number in range(6)]
    assert [replicas and replicas[0] for replicas in found] == [1, 11, 2, 12, 3, 13]
    assert all(replicas and len({racks[broker] for broker in replicas}) == 3 for replicas in found)


def test_more_copies_than_regions_use_further_brokers() -> None:
    racks = {1: "us-east", 11: "us-east", 2: "eu-west", 12: "eu-west"}
    assert Placement(TOPOLOGY, racks, 3).replicas(0) == (1, 2, 11)


def test_kafka_chooses_where_racks_say_nothing() -> None:
    assert Placement(TOPOLOGY, {1: "", 2: "", 3: ""}, 3).replicas(0) is None
    assert Placement(TOPOLOGY, {2: "eu-west", 3: "ap-south"}, 2).replicas(0) is None
    assert Placement(TOPOLOGY, {1: "us-east"}, 3).replicas(0) is None
    assert Placement(TOPOLOGY, THREE, 3).replicas(6) is None


def test_leaders_leave_a_region_without_any_copy_moving() -> None:
    state = ClusterState(THREE, (place(0, 1, 2, 3), place(2, 2, 3, 1), place(0, 1, 3, 2, topic="__offsets")))
    assert leaders_away(state, "us-east") == (
        ReplicaMove("sealane.x", 0, (2, 3, 1)),
        ReplicaMove("__offsets", 0, (3, 2, 1)),
    )


def test_partition_with_its_only_copy_there_can_not_leave() -> None:
    assert leaders_away(ClusterState(THREE, (place(0, 1),)), "us-east") == ()


def test_leaders_come_home_to_the_region_that_is_restored_without_any_copy_moving() -> None:
    state = ClusterState(THREE, (place(0, 2, 3, 1), place(1, 1, 3, 2), place(4, 1, 2, 3), place(0, 2, topic="__x")))
    assert leaders_home(state, TOPOLOGY, "us-east") == (ReplicaMove("sealane.x", 0, (1, 2, 3)),)
    assert leaders_home(state, TOPOLOGY, "ap-south") == (ReplicaMove("sealane.x", 4, (3, 1, 2)),)


def test_region_without_a_copy_leads_nothing() -> None:
    assert leaders_home(ClusterState(THREE, (place(0, 2, 3),)), TOPOLOGY, "us-east") == ()


def test_placement_knows_who_is_away() -> None:
    placement = Placement(TOPOLOGY, THREE, 3)
    assert placement.knows((1, 2, 3))
    assert not placement.knows((1, 2, 4))
