"""The one place that constructs concrete adapters and gives them to those who need them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.eventlog.topics import COMMANDS_TOPICS, LOGS_TOPIC
from core.ports import TopicPartition
from gateway.version import VERSION
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
    from prometheus_client import CollectorRegistry

    from agents.connectors.base import Connector, Handler
    from agents.connectors.metrics import ConnectorMetrics
    from core.eventlog.envelope import Stream
    from core.ports import Producer
    from processors.options import ProcessorOptions
    from processors.replay import Replay
    from processors.shell import Processor
    from projections.log_archive import LogArchiver
    from projections.projector import Projector, ProjectorStatus
    from projections.rebuild import Place

PROCESSOR_GROUP = "sealane-processors"
ARCHIVE_GROUP = "sealane-log-archive"
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


def processor_options(settings: Settings) -> "ProcessorOptions":
    from core.aggregates import AGGREGATES
    from processors.code_version import code_version
    from processors.options import ProcessorOptions

    return ProcessorOptions(checkpoint_events=settings.snapshot_every_events, code_version=code_version(AGGREGATES))


def make_processor(settings: Settings, instance: str) -> "Processor":
    """Instances with different names share the partitions; two with one name fence each other."""
    from core.aggregates import AGGREGATES, POLICIES
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
        processor_options(settings),
    )


def replaying(settings: Settings, until: datetime | None, only: "Stream | None") -> "Replay":
    from core.aggregates import AGGREGATES, POLICIES
    from processors.kinds import Kinds
    from processors.replay import Replay

    return Replay(
        Kinds(AGGREGATES, POLICIES),
        settings.topology,
        lambda: KafkaLogReader(kafka(settings), "sealane-replay", settled=True),
        SystemClock(),
        processor_options(settings),
        until,
        only,
    )


def migrate_database(settings: Settings) -> None:
    from infra.postgres.connections import sqlalchemy_url
    from projections.migrations.runner import migrate

    migrate(sqlalchemy_url(settings.database_url).render_as_string(hide_password=False))


def views_place(settings: Settings) -> "Place":
    """The live views and what rebuilds them. Raises nothing: connections are made when needed."""
    from infra.postgres.connections import connector, sqlalchemy_url
    from projections.migrations.runner import DEFAULT_SCHEMA, migrate
    from projections.projector import partitions_of
    from projections.rebuild import Place

    url = sqlalchemy_url(settings.database_url).render_as_string(hide_password=False)
    return Place(
        connect=lambda schema: connector(settings.database_url, schema, "sealane-rebuild", lazy=True),
        migrate=lambda schema: migrate(url, schema),
        new_reader=lambda: log_reader(settings, "sealane-rebuild"),
        partitions=partitions_of(settings.topology),
        schema=DEFAULT_SCHEMA,
    )


def object_store(settings: Settings) -> FilesystemObjects:
    return FilesystemObjects(settings.data_path / "objects")


def repositories_root(settings: Settings) -> Path:
    """Where the built-in git server keeps its repositories."""
    return settings.data_path / "git"


class WorkerParts(NamedTuple):
    """The projector, the log archiver and the connectors, each to run in a thread of its own; and their metrics."""

    loops: dict[str, Loop]
    registry: Callable[[], "CollectorRegistry"]


def _mirrors_root(settings: Settings) -> Path:
    """Workers that share a disk don't fetch into each other's mirrors: `instance` tells them apart."""
    return settings.data_path / ("mirrors" if settings.instance == "1" else f"mirrors-{settings.instance}")


def worker_parts(settings: Settings) -> WorkerParts:
    from agents.connectors.commit_status import CommitStatus
    from agents.connectors.definition import Definition
    from agents.connectors.forge_status import Api
    from agents.connectors.ingest import Ingest
    from agents.connectors.metrics import ConnectorMetrics
    from agents.connectors.mirror import Mirrors
    from infra.kafka.producer import KafkaProducer
    from infra.postgres.run_facts import run_facts
    from infra.wiring.notifications import notification_handlers

    clock, metrics = SystemClock(), ConnectorMetrics()
    producer = KafkaProducer(kafka(settings), "sealane-connectors")
    mirrors = Mirrors(_mirrors_root(settings), repositories_root(settings))
    apis = {forge: Api(api.base_url or DEFAULT_FORGE_URLS[forge], api.token) for forge, api in settings.forges.items()}
    projector = make_projector(settings)
    loops: dict[str, Loop] = {"projector": projector.run, "log-archive": _log_archiver(settings).run}
    handlers: list[tuple[Handler, int]] = [
        (Ingest(settings.topology, clock), 1),
        (Definition(settings.topology, clock, mirrors), 4),
        (CommitStatus(run_facts(settings.database_url), apis, settings.url, metrics), 2),
    ]
    handlers += notification_handlers(settings, clock, metrics)
    if settings.otlp_endpoint:
        handlers.append((_traces(settings, metrics), 1))
    for handler, threads in handlers:
        loops[handler.name] = _connector(settings, handler, producer, metrics, threads).run
    groups = {f"sealane-{handler.name}": handler.topics for handler, _ in handlers}
    if settings.deploy_regions:
        from infra.wiring.deployers import deployer_parts, release_files

        files = release_files(settings)
        for region in settings.deploy_regions:
            deployer = deployer_parts(settings, region, producer, metrics, files)
            loops |= deployer.loops
            groups |= deployer.groups
    return WorkerParts(loops, lambda: _worker_registry(settings, metrics.registry, projector.status, groups))


def _worker_registry(
    settings: Settings,
    registry: "CollectorRegistry",
    projector: "ProjectorStatus",
    groups: Mapping[str, Sequence[str]],
) -> "CollectorRegistry":
    from infra.kafka.lag import KafkaLag
    from infra.metrics.worker import LogCollector, ProjectorCollector
    from infra.postgres.gauges import view_facts

    read = {**groups, PROCESSOR_GROUP: COMMANDS_TOPICS, "sealane-log-archive": (LOGS_TOPIC,)}
    numbers = range(settings.topology.partitions)
    partitions = {group: [TopicPartition(name, n) for name in names for n in numbers] for group, names in read.items()}
    registry.register(ProjectorCollector(projector))
    registry.register(LogCollector(lambda: KafkaLag(kafka(settings)), partitions, view_facts(settings.database_url)))
    return registry


def _traces(settings: Settings, metrics: "ConnectorMetrics") -> "Handler":
    """OpenTelemetry takes memory, so it is imported only here."""
    from agents.connectors.traces import Traces
    from infra.otlp import otlp_exporter
    from infra.postgres.run_history import run_history

    export = otlp_exporter(settings.otlp_endpoint, settings.otlp_headers, VERSION)
    return Traces(run_history(settings.database_url), export, SystemClock(), metrics)


def connector_topics(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What each connector's group consumes: how far it came belongs to a backup."""
    from agents.connectors.commit_status import CommitStatus
    from agents.connectors.definition import Definition
    from agents.connectors.ingest import Ingest
    from agents.connectors.notifications.dispatcher import Notifications
    from agents.connectors.notifications.sender import NotificationSender
    from agents.deployer.connector import Deployer
    from agents.metrics.sampler import Sampler

    every = (Ingest, Definition, CommitStatus, Notifications, NotificationSender)
    connectors = {f"sealane-{each.name}": each.topics for each in every}
    for region in settings.regions:
        connectors |= {f"sealane-deployer-{region}": Deployer.topics, f"sealane-sampler-{region}": Sampler.topics}
    return connectors


def projection_loops(settings: Settings) -> dict[str, Loop]:
    return {"projector": make_projector(settings).run, "log-archive": _log_archiver(settings).run}


def make_projector(settings: Settings) -> "Projector":
    from infra.postgres.connections import connector
    from projections.migrations.runner import DEFAULT_SCHEMA
    from projections.projector import Projector, partitions_of
    from projections.store import stores

    connect = connector(settings.database_url, DEFAULT_SCHEMA, "sealane-projector", lazy=True)
    reader = KafkaLogReader(kafka(settings), "sealane-projector", fetch_wait_ms=IDLE_FETCH_MS)
    return Projector(reader, stores(connect), partitions_of(settings.topology))


def _log_archiver(settings: Settings) -> "LogArchiver":
    from infra.postgres.connections import connector
    from projections.log_archive import LogArchiver
    from projections.migrations.runner import DEFAULT_SCHEMA

    return LogArchiver(
        lambda: group_consumer(settings, "log-archive"),
        connector(settings.database_url, DEFAULT_SCHEMA, "sealane-log-archive"),
        object_store(settings),
    )


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
