"""TopicAdmin over Kafka: what topics there are, and the few things that may be done to them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs don't re-export their names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from core.cluster import Placement, ReplicaMove
from core.eventlog.topics import TopicSpec, Topology
from core.ports import Fenced, LogUnavailable, TopicPartition
from infra.kafka.cluster_admin import partition_places, racks_of_brokers
from infra.kafka.connection import CLIENT_ERRORS, Connection, kafka_error, translate
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reassignment import reassign

_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
_APPEARS_SECONDS = 0.02
_PREFIX = "sealane."
T = TypeVar("T")


class KafkaTopicAdmin:
    """See core.ports.TopicAdmin. One node: replication_factor=1, min_insync_replicas=1; a cluster: 3 and 2.

    With a `topology`, replicas are placed by region: on brokers whose rack has the region's name.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        replication_factor: int = 1,
        min_insync_replicas: int = 1,
        topology: Topology | None = None,
    ) -> None:
        self._admin = AdminClient(connection.config("sealane-admin"))
        self._connection = connection
        self._topology = topology
        self._replication_factor = replication_factor
        self._durability = {"min.insync.replicas": str(min_insync_replicas)}

    def describe(self) -> dict[str, TopicSpec]:
        try:
            topics = self._admin.list_topics(timeout=_TIMEOUT_SECONDS).topics
        except CLIENT_ERRORS as error:
            translate(error, "listing topics")
        counts = {name: len(topic.partitions) for name, topic in topics.items() if name.startswith(_PREFIX)}
        if not counts:
            return {}
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in counts]
        answers = self._admin.describe_configs(asked, request_timeout=_TIMEOUT_SECONDS)
        found = {resource.name: _settings(_result(future, "describing topics")) for resource, future in answers.items()}
        return {name: TopicSpec(name, counts[name], found[name]) for name in sorted(counts)}

    def create(self, specs: Iterable[TopicSpec]) -> None:
        """Topics that are there already are left as they are: another process may have been faster."""
        wanted = list(specs)
        if not wanted:
            return
        placement = self._placement()
        new = [self._new_topic(spec, placement) for spec in wanted]
        for name, future in self._admin.create_topics(new, operation_timeout=_TIMEOUT_SECONDS).items():
            _result(future, f"creating {name}", KafkaError.TOPIC_ALREADY_EXISTS)
        self._await_partitions(dict.fromkeys((spec.name for spec in wanted), 1))

    def add_partitions(self, name: str, total: int) -> None:
        present = sum(place.topic == name for place in partition_places(self._admin))
        places = _places(self._placement(), range(present, total))
        new = NewPartitions(name, total, replica_assignment=places) if places else NewPartitions(name, total)
        for future in self._admin.create_partitions([new]).values():
            _result(future, f"adding partitions to {name}")
        self._await_partitions({name: total})

    def _await_partitions(self, counts: Mapping[str, int]) -> None:
        """The controller has them; the brokers hear of it a moment later."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while missing := self._missing(counts):
            if time.monotonic() > deadline:
                raise LogUnavailable(f"{', '.join(missing)}: not as made after {_TIMEOUT_SECONDS:g} s")
            time.sleep(_APPEARS_SECONDS)

    def _missing(self, counts: Mapping[str, int]) -> list[str]:
        present = Counter(place.topic for place in partition_places(self._admin))
        return [name for name, count in counts.items() if present[name] < count]

    def misplaced(self, names: Iterable[str]) -> tuple[ReplicaMove, ...]:
        placement, wanted = self._placement(), set(names)
        if placement is None:
            return ()
        moves = []
        for place in partition_places(self._admin):
            replicas = placement.replicas(place.partition) if place.topic in wanted else None
            # Fewer copies are never made: that would be a mistake of the settings.
            # And a broker that is away just now is no reason to copy all that it has.
            if replicas is None or len(replicas) < len(place.replicas) or not placement.knows(place.replicas):
                continue
            if set(replicas) != set(place.replicas):
                moves.append(ReplicaMove(place.topic, place.partition, replicas))
        return tuple(moves)

    def place(self, moves: Iterable[ReplicaMove]) -> None:
        reassign(self._connection, moves)

    def _placement(self) -> Placement | None:
        if self._topology is None:
            return None
        return Placement(self._topology, racks_of_brokers(self._admin), self._replication_factor)

    def _new_topic(self, spec: TopicSpec, placement: Placement | None) -> NewTopic:
        config = {**self._durability, **spec.config}
        places = _places(placement, range(spec.partitions))
        if places:
            return NewTopic(spec.name, spec.partitions, replica_assignment=places, config=config)
        return NewTopic(spec.name, spec.partitions, self._replication_factor, config=config)

    def set_config(self, name: str, config: Mapping[str, str]) -> None:
        """Sets these entries and leaves the others."""
        self._alter(ResourceType.TOPIC, name, config)

    def set_group_config(self, group: str, config: Mapping[str, str]) -> None:
        """Broker-side settings of one consumer group, such as `consumer.session.timeout.ms`."""
        self._alter(ResourceType.GROUP, group, config)

    def group_offsets(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        wanted = list(partitions)
        with self._outsider(group) as consumer:
            found = _patiently(lambda: consumer.committed(wanted))
        return {where: offset for where, offset in found.items() if offset is not None}

    def set_group_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        if not offsets:
            return
        with self._outsider(group) as consumer:
            try:
                _patiently(lambda: consumer.commit(offsets))
            except Fenced as error:
                raise LogUnavailable(f"setting the offsets of group {group}: it has members ({error})") from error

    @contextmanager
    def _outsider(self, group: str) -> Iterator[KafkaGroupConsumer]:
        """Asks and commits without joining. librdkafka's own admin calls for this abort the whole process when the
        group's coordinator is not there yet."""
        consumer = KafkaGroupConsumer(self._connection, group, client_id="sealane-admin")
        try:
            yield consumer
        finally:
            consumer.close()

    def _alter(self, kind: ResourceType, name: str, config: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(kind, name, incremental_configs=entries)
        for future in self._admin.incremental_alter_configs([resource]).values():
            _result(future, f"changing the settings of {name}")


def _places(placement: Placement | None, partitions: range) -> list[list[int]]:
    """A list of brokers for each of these partitions; empty where Kafka shall choose."""
    places = [placement.replicas(number) for number in partitions] if placement else []
    return [list(place) for place in places if place] if all(places) else []


def _patiently(call: Callable[[], T]) -> T:
    """A broker that was just started has no coordinator for a group yet, and says so in several ways."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            return call()
        except LogUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def _settings(entries: Mapping[str, ConfigEntry]) -> dict[str, str]:
    return {
        name: str(entry.value)
        for name, entry in entries.items()
        if ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
    }


def _result(future: "Future[Any]", doing: str, tolerated: int | None = None) -> Any:
    try:
        return future.result(_TIMEOUT_SECONDS)
    except CLIENT_ERRORS as error:
        inner = kafka_error(error)
        if inner is None or inner.code() != tolerated:
            translate(error, doing)
