"""The one place that constructs concrete adapters and gives them to those who need them."""

from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from infra.settings import Settings

if TYPE_CHECKING:
    from processors.shell import Processor

PROCESSOR_GROUP = "sealane-processors"


def kafka(settings: Settings) -> Connection:
    return Connection(settings.kafka_bootstrap_servers)


def topic_admin(settings: Settings) -> KafkaTopicAdmin:
    return KafkaTopicAdmin(
        kafka(settings),
        replication_factor=settings.replication_factor,
        min_insync_replicas=settings.min_insync_replicas,
    )


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
        lambda: KafkaGroupConsumer(kafka(settings), PROCESSOR_GROUP, instance_id=name, client_id=name),
        lambda: KafkaTransactionalProducer(kafka(settings), f"sealane-{name}"),
        lambda: log_reader(settings, f"{name}-restore"),
        SystemClock(),
        ProcessorOptions(checkpoint_events=settings.snapshot_every_events),
    )


def sqlalchemy_url(settings: Settings) -> str:
    """`database_url` with the driver named, as SQLAlchemy wants it."""
    scheme, _, rest = settings.database_url.partition("://")
    return settings.database_url if "+" in scheme else f"postgresql+psycopg://{rest}"


def migrate_database(settings: Settings) -> None:
    from projections.migrations.runner import migrate

    migrate(sqlalchemy_url(settings))
