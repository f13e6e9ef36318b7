"""A cluster with a broker in each region: where partitions lie, and what a lost or evacuated region does to them."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from core.cluster import ClusterState, PartitionPlace, ReplicaMove, leaders_away, leaders_home
from core.eventlog.topics import COMMANDS_TOPICS, TopicSpec, Topology
from core.ports import LogUnavailable, OutgoingRecord, TopicPartition
from infra.clock import SystemClock
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.cluster_admin import KafkaClusterAdmin, partition_places
from infra.kafka.connection import Connection
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.reassignment import reassign
from infra.kafka.topics import apply, look
from processors.log_range import LogRange
from tests.support.counter_log import wait_for
from tests.support.servers import Cluster, kafka_cluster

REGIONS = ("us-east", "eu-west", "ap-south")
TOPOLOGY = Topology(REGIONS, 2)
TOPIC = COMMANDS_TOPICS[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kafka_cluster(REGIONS) as made:
        yield made


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Connection:
    """Of a cluster that has all topics, which were made with one copy each and are placed by region since."""
    connection = Connection(cluster.bootstrap_servers)
    specs = TOPOLOGY.topic_specs()
    KafkaTopicAdmin(connection).create(specs)
    partitions = sum(spec.partitions for spec in specs)
    wait_for(lambda: len(ours(connection)) == partitions, 30)
    apply(topic_admin(connection), specs)
    wait_for(lambda: all(len(place.in_sync) == 3 for place in ours(connection)), 60)
    return connection


def topic_admin(connection: Connection) -> KafkaTopicAdmin:
    return KafkaTopicAdmin(connection, replication_factor=3, min_insync_replicas=2, topology=TOPOLOGY)


def cluster_admin(connection: Connection) -> KafkaClusterAdmin:
    return KafkaClusterAdmin(connection, TOPOLOGY, "processors")


def ours(connection: Connection) -> tuple[PartitionPlace, ...]:
    places = partition_places(AdminClient(connection.config("test")))
    return tuple(place for place in places if place.topic.startswith("sealane."))


def leaders(state: ClusterState) -> list[str]:
    """The regions of the leaders of one topic, partition by partition."""
    return [state.racks.get(place.leader or 0, "") for place in state.places if place.topic == TOPIC]


AT_HOME = [region for region in REGIONS for _ in range(2)]


def led_from(connection: Connection, regions: list[str]) -> bool:
    return leaders(cluster_admin(connection).state()) == regions


def test_partitions_are_led_in_their_region_and_copied_to_the_others(connection: Connection) -> None:
    wait_for(lambda: led_from(connection, AT_HOME), 30)
    assert look(topic_admin(connection), TOPOLOGY.topic_specs()).empty


def test_new_topics_and_partitions_are_placed_at_once(connection: Connection) -> None:
    admin = topic_admin(connection)
    admin.create([TopicSpec("sealane.made", 2, {})])
    wait_for(lambda: added(admin, "sealane.made", 6), 20)
    wait_for(lambda: [place.topic for place in ours(connection)].count("sealane.made") == 6, 10)
    assert not admin.misplaced(["sealane.made"])


def added(admin: KafkaTopicAdmin, name: str, total: int) -> bool:
    """False while the broker that is asked has not heard of the topic yet."""
    try:
        admin.add_partitions(name, total)
    except LogUnavailable:
        return False
    return True


def test_leaders_leave_an_evacuated_region_and_come_back(connection: Connection) -> None:
    admin = cluster_admin(connection)
    wait_for(lambda: led_from(connection, AT_HOME), 30)
    admin.lead(leaders_away(admin.state(), "eu-west"))
    state = admin.state()
    assert not leaders_away(state, "eu-west")
    wait_for(lambda: "eu-west" not in leaders(admin.state()), 10)
    # Which brokers hold copies has not changed, so there is nothing for 'topics apply' to undo.
    assert look(topic_admin(connection), TOPOLOGY.topic_specs()).empty

    admin.lead(leaders_home(state, TOPOLOGY, "eu-west"))
    wait_for(lambda: led_from(connection, AT_HOME), 10)


def test_lost_region_is_led_elsewhere_loses_nothing_and_leads_again(cluster: Cluster, connection: Connection) -> None:
    wait_for(lambda: led_from(connection, AT_HOME), 30)
    producer = KafkaProducer(connection)
    records = [OutgoingRecord("sealane.webhooks", number, b"k", b"v") for number in range(6)]
    before = producer.send_all(records)
    where = TopicPartition("sealane.webhooks", 4)
    kept = LogRange(lambda: KafkaLogReader(connection, "kept", settled=True), SystemClock(), 30)
    assert kept.bounds(where)[1] == before[4].offset + 1
    cluster.kill("ap-south")
    after = producer.send_all(records)
    assert [position.offset for position in after] == [position.offset + 1 for position in before]
    assert "ap-south" not in leaders(cluster_admin(connection).state())
    # A client that knew the lost leader would wait 30 s for it.
    wait_for(lambda: end_of(kept, where) == after[4].offset + 1, 20)
    kept.close()

    cluster.start("ap-south")
    wait_for(lambda: led_from(connection, AT_HOME), 30)
    producer.close()


def end_of(log: LogRange, where: TopicPartition) -> int:
    """-1 while nobody can tell."""
    try:
        return log.bounds(where)[1]
    except LogUnavailable:
        return -1


def test_refused_placement_says_why(connection: Connection) -> None:
    with pytest.raises(LogUnavailable, match="broker 9"):
        reassign(connection, [ReplicaMove(TOPIC, 0, (1, 9))])
    with pytest.raises(LogUnavailable, match="no broker answered"):
        reassign(Connection("127.0.0.1:1"), [ReplicaMove(TOPIC, 0, (1,))])
