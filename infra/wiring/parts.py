"""The one place that constructs concrete adapters and gives them to those who need them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.cluster_admin import KafkaClusterAdmin
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from infra.objects.filesystem import FilesystemObjects
from infra.settings import Settings

if TYPE_CHECKING:
    from agents.connectors.base import Connector, Handler
    from agents.connectors.metrics import ConnectorMetrics
    from core.ports import Producer
    from processors.shell import Processor

PROCESSOR_GROUP = "sealane-processors"
# The broker answers as soon as there is something; only an idle consumer waits so long.
IDLE_FETCH_MS = 1000
# Where the public forges answer; `[forges]` of the settings names others.
DEFAULT_FORGE_URLS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com", "gitea": "https://gitea.com"}
Loop = Callable[[threading.Event], None]


def kafka(settings: Settings) -> Connection:
    return Connection(settings.kafka_bootstrap_servers)


def topic_admin(settings: Settings) -> KafkaTopicAdmin:
    return KafkaTopicAdmin(
        kafka(settings),
        replication_factor=settings.replication_factor,
        min_insync_replicas=settings.min_insync_replicas,
        topology=settings.topology,
    )


def cluster_admin(settings: Settings) -> KafkaClusterAdmin:
    return KafkaClusterAdmin(kafka(settings), settings.topology, PROCESSOR_GROUP)


def log_reader(settings: Settings, client_id: str) -> KafkaLogReader:
    return KafkaLogReader(kafka(settings), client_id)


def make_processor(settings: Settings, instance: str) -> "Processor":
    """Instances with different names share the partitions; two with one name fence each other."""
    from core.aggregates import AGGREGATES, POLICIES
    from processors.options import ProcessorOptions
    from processors.shell import Processor

    name = f"processor-{instance}"
    return Processor(
        AGGREGATES,
        POLICIES,
        settings.topology,
        lambda: KafkaGroupConsumer(kafka(settings), PROCESSOR_GROUP, client_id=name, succeeds=True),
        lambda: KafkaTransactionalProducer(kafka(settings), f"sealane-{name}"),
        lambda: KafkaLogReader(kafka(settings), f"{name}-restore", settled=True),
        SystemClock(),
        ProcessorOptions(checkpoint_events=settings.snapshot_every_events),
    )


def migrate_database(settings: Settings) -> None:
    from infra.postgres.connections import sqlalchemy_url
    from projections.migrations.runner import migrate

    migrate(sqlalchemy_url(settings.database_url).render_as_string(hide_password=False))


def object_store(settings: Settings) -> FilesystemObjects:
    return FilesystemObjects(settings.data_path / "objects")


def repositories_root(settings: Settings) -> Path:
    """Where the built-in git server keeps its repositories."""
    return settings.data_path / "git"


def _mirrors_root(settings: Settings) -> Path:
    """Workers that share a disk don't fetch into each other's mirrors: `instance` tells them apart."""
    return settings.data_path / ("mirrors" if settings.instance == "1" else f"mirrors-{settings.instance}")


def worker_loops(settings: Settings) -> dict[str, Loop]:
    """The projector, the log archiver and the connectors, each to run in a thread of its own."""
    from agents.connectors.commit_status import CommitStatus
    from agents.connectors.definition import Definition
    from agents.connectors.forge_status import Api
    from agents.connectors.ingest import Ingest
    from agents.connectors.metrics import ConnectorMetrics
    from agents.connectors.mirror import Mirrors
    from infra.kafka.producer import KafkaProducer
    from infra.postgres.run_facts import run_facts

    clock, metrics = SystemClock(), ConnectorMetrics()
    producer = KafkaProducer(kafka(settings), "sealane-connectors")
    mirrors = Mirrors(_mirrors_root(settings), repositories_root(settings))
    apis = {forge: Api(api.base_url or DEFAULT_FORGE_URLS[forge], api.token) for forge, api in settings.forges.items()}
    loops = projection_loops(settings)
    for handler, threads in (
        (Ingest(settings.topology, clock), 1),
        (Definition(settings.topology, clock, mirrors), 4),
        (CommitStatus(run_facts(settings.database_url), apis, settings.url, metrics), 2),
    ):
        loops[handler.name] = _connector(settings, handler, producer, metrics, threads).run
    return loops


def projection_loops(settings: Settings) -> dict[str, Loop]:
    from infra.postgres.connections import connector
    from projections.log_archive import LogArchiver
    from projections.migrations.runner import DEFAULT_SCHEMA
    from projections.projector import Projector, partitions_of

    connect = connector(settings.database_url, DEFAULT_SCHEMA)
    reader = KafkaLogReader(kafka(settings), "sealane-projector", fetch_wait_ms=IDLE_FETCH_MS)
    projector = Projector(reader, connect, partitions_of(settings.topology))
    archiver = LogArchiver(
        lambda: group_consumer(settings, "log-archive"),
        connector(settings.database_url, DEFAULT_SCHEMA, "sealane-log-archive"),
        object_store(settings),
    )
    return {"projector": projector.run, "log-archive": archiver.run}


def _connector(
    settings: Settings, handler: "Handler", producer: "Producer", metrics: "ConnectorMetrics", threads: int
) -> "Connector":
    from agents.connectors.base import Connector

    return Connector(
        handler=handler,
        consumer=lambda: group_consumer(settings, handler.name),
        producer=producer,
        metrics=metrics,
        threads=threads,
    )


def group_consumer(settings: Settings, name: str) -> KafkaGroupConsumer:
    """A member of group `sealane-<name>`."""
    group = f"sealane-{name}"
    return KafkaGroupConsumer(kafka(settings), group, client_id=group, fetch_wait_ms=IDLE_FETCH_MS)
