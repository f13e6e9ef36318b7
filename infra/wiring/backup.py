"""Backup and restore of a whole installation: topics, offsets of the groups, archived logs and their index."""

from collections.abc import Callable
from pathlib import Path

from core.ports import ObjectStore
from infra.clock import SystemClock
from infra.kafka.producer import KafkaProducer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.topics import apply
from infra.objects.filesystem import FilesystemObjects
from infra.postgres.connections import connector
from infra.settings import Settings
from infra.wiring.parts import (
    ARCHIVE_GROUP,
    PROCESSOR_GROUP,
    connector_topics,
    kafka,
    migrate_database,
    object_store,
    topic_admin,
)
from processors.export.exporter import Exported, Exporter, Groups
from processors.export.importer import Importer
from processors.export.manifest import Attachment, Manifest
from projections.log_backup import export_logs, restore_logs
from projections.migrations.runner import DEFAULT_SCHEMA

Progress = Callable[[int, int], None]


def export_store(folder: Path) -> FilesystemObjects:
    """Where an export is: a folder of its own, apart from the installation's data."""
    return FilesystemObjects(folder)


def export_all(settings: Settings, export: ObjectStore, progress: Progress) -> Exported:
    """Raises ExportError, LogUnavailable, psycopg.Error or OSError; call again to go on."""
    exporter = Exporter(
        settings.topology,
        lambda: KafkaLogReader(kafka(settings), "sealane-export", settled=True),
        topic_admin(settings),
        export,
        SystemClock(),
        Groups(processors=PROCESSOR_GROUP, archiver=ARCHIVE_GROUP, connectors=connector_topics(settings)),
    )
    try:
        return exporter.run(progress, lambda store: _export_logs(settings, store))
    finally:
        exporter.close()


def restore_all(settings: Settings, export: ObjectStore, progress: Progress) -> Manifest:
    """Into a Kafka without `sealane.*` topics. Raises as export_all."""
    admin = topic_admin(settings)
    apply(admin, settings.topology.topic_specs())
    migrate_database(settings)
    reader = KafkaLogReader(kafka(settings), "sealane-restore")
    producer = KafkaProducer(kafka(settings), "sealane-restore")
    try:
        importer = Importer(settings.topology, reader, producer, admin, export, PROCESSOR_GROUP)
        manifest = importer.run(progress)
        with connector(settings.database_url, DEFAULT_SCHEMA)() as connection:
            restore_logs(connection, object_store(settings), export)
        return manifest
    finally:
        producer.close()
        reader.close()


def _export_logs(settings: Settings, export: ObjectStore) -> tuple[Attachment, ...]:
    with connector(settings.database_url, DEFAULT_SCHEMA)() as connection:
        stored = export_logs(connection, object_store(settings), export)
    return tuple(Attachment(key=each.key, bytes=each.bytes, sha256=each.sha256) for each in stored)
