"""The servers of the benchmarks: as `make up` starts them (fsync of Postgres on), fresh for each row."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.eventlog.topics import Topology
from infra.embedded import kafka, postgres
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.topics import apply
from tests.support.servers import fresh_database, scratch_directory


@contextmanager
def broker(topology: Topology) -> Iterator[Connection]:
    """A connection to a new broker that has the topics."""
    with scratch_directory() as folder:
        server = kafka.start(folder)
        try:
            connection = Connection(server.bootstrap_servers)
            apply(KafkaTopicAdmin(connection), topology.topic_specs())
            yield connection
        finally:
            server.kill()


@contextmanager
def database() -> Iterator[str]:
    """The dsn of an empty database that survives a power cut."""
    with scratch_directory() as folder:
        server = postgres.start(folder)
        try:
            with fresh_database(server.dsn) as dsn:
                yield dsn
        finally:
            server.kill()
