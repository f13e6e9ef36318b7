"""ClusterAdmin over Kafka: where the partitions lie and who leads them, and leaders moved on purpose."""

from collections.abc import Iterable

from confluent_kafka import Consumer, ElectionType, IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # as in admin.py

from core.cluster import ClusterState, PartitionPlace, ReplicaMove
from core.eventlog.topics import COMMANDS_TOPICS, Topology
from infra.kafka.connection import CLIENT_ERRORS, Connection, log, translate
from infra.kafka.reassignment import reassign

_TIMEOUT_SECONDS = 10.0


class KafkaClusterAdmin:
    """See core.ports.ClusterAdmin. `group` are the processors, whose lag is told.

    Each call has clients of its own: one that is kept goes on asking a broker that is lost.
    """

    def __init__(self, connection: Connection, topology: Topology, group: str) -> None:
        self._connection = connection
        self._topology = topology
        self._group = group

    def state(self) -> ClusterState:
        admin = self._admin()
        return ClusterState(racks_of_brokers(admin), partition_places(admin), self._lag(admin))

    def lead(self, moves: Iterable[ReplicaMove]) -> None:
        wanted = tuple(moves)
        if not wanted:
            return
        reassign(self._connection, wanted)
        asked = [KafkaPartition(move.topic, move.partition) for move in wanted]
        admin = self._admin()
        try:
            # Where a preferred leader is not in sync (or leads already) Kafka says so and goes on with the others.
            admin.elect_leaders(ElectionType.PREFERRED, asked).result(_TIMEOUT_SECONDS)
        except (*CLIENT_ERRORS, TimeoutError) as error:
            translate(error, "electing leaders")

    def _admin(self) -> AdminClient:
        return AdminClient(self._connection.config("sealane-cluster"))

    def _lag(self, admin: AdminClient) -> dict[int, int]:
        """Commands that are not decided yet, by partition number; while that can't be told, without the number."""
        asked = [KafkaPartition(topic, n) for topic in COMMANDS_TOPICS for n in range(self._topology.partitions)]
        lag: dict[int, int] = dict.fromkeys(range(self._topology.partitions), 0)
        try:
            decided = self._committed(asked)
            ends = admin.list_offsets(
                {where: OffsetSpec.latest() for where in asked},  # type: ignore[no-untyped-call]
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=_TIMEOUT_SECONDS,
            )
        except CLIENT_ERRORS as error:
            log.warning("how far the processors are is not known: %s", error)
            return {}
        unknown = set()
        for each in decided:
            try:
                end = ends[KafkaPartition(each.topic, each.partition)].result(_TIMEOUT_SECONDS).offset
            except (*CLIENT_ERRORS, TimeoutError) as error:
                # Its leader is changing, or there is none.
                log.info("the end of %s:%d is not known: %s", each.topic, each.partition, error)
                unknown.add(each.partition)
                continue
            lag[each.partition] += max(0, end - max(0, each.offset))
        return {number: commands for number, commands in lag.items() if number not in unknown}

    def _committed(self, partitions: list[KafkaPartition]) -> list[KafkaPartition]:
        """By a consumer that never subscribes, so it is no member. (The admin client's own call ends the process while
        there is no coordinator: confluent-kafka 2.16.)
        """
        consumer = Consumer(self._connection.config("sealane-cluster-offsets", group_id=self._group))
        try:
            found: list[KafkaPartition] = consumer.committed(partitions, timeout=_TIMEOUT_SECONDS)
            return found
        finally:
            consumer.close()


def racks_of_brokers(admin: AdminClient) -> dict[int, str]:
    """Those that are there. Raises LogUnavailable."""
    try:
        cluster = admin.describe_cluster(request_timeout=_TIMEOUT_SECONDS).result(_TIMEOUT_SECONDS)
    except (*CLIENT_ERRORS, TimeoutError) as error:
        translate(error, "listing brokers")
    return {node.id: node.rack or "" for node in cluster.nodes}


def partition_places(admin: AdminClient) -> tuple[PartitionPlace, ...]:
    """Of all topics, Kafka's own included. Raises LogUnavailable."""
    try:
        topics = admin.list_topics(timeout=_TIMEOUT_SECONDS).topics
    except (*CLIENT_ERRORS, TimeoutError) as error:
        translate(error, "listing topics")
    return tuple(
        PartitionPlace(
            name, number, each.leader if each.leader >= 0 else None, tuple(each.replicas), tuple(sorted(each.isrs))
        )
        for name, topic in sorted(topics.items())
        for number, each in sorted(topic.partitions.items())
    )
