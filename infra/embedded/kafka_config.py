"""Settings of an embedded broker: Kafka's properties and the Java options, tuned for little memory and an idle CPU."""

from dataclasses import dataclass
from pathlib import Path

from infra.embedded.ports import HOST

# A record of 4 MB and what Kafka puts around it.
_MESSAGE_MAX_BYTES = 5 * 1024 * 1024
_JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:CICompilerCount=1",
    "-XX:ReservedCodeCacheSize=48m",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xss512k",
    "-Djava.awt.headless=true",
)


@dataclass(frozen=True)
class BrokerSettings:
    """What may differ between brokers. The defaults are for one node that is the whole cluster.

    `group_heartbeat_ms` is how often a consumer of the new group protocol reports, so how fast it learns of its
    partitions; `group_session_ms` after its last report a killed one's partitions move on.
    A broker that was killed is let in again when `broker_session_ms` have passed since; shorter than a long pause of
    a busy machine would shut it out for no reason.
    `voters` are the `id@host:port` of every controller when there are more nodes than this one: they may differ from
    start to start, as a node of several keeps nobody's address.
    `leader_balance_seconds` is how often leaders go back to a broker that has returned.
    """

    node_id: int = 1
    rack: str | None = None
    voters: tuple[str, ...] = ()
    replication_factor: int = 1
    min_insync_replicas: int = 1
    group_heartbeat_ms: int = 1000
    group_session_ms: int = 6000
    broker_session_ms: int = 3000
    leader_balance_seconds: int = 10
    heap_mb: int = 256


def java_options(settings: BrokerSettings, log_file: Path, log_config: Path) -> list[str]:
    logging = [f"-Dlog4j2.configurationFile={log_config}", f"-Dsealane.log={log_file}"]
    return [*_JAVA_OPTIONS, f"-Xmx{settings.heap_mb}m", *logging]


def server_properties(settings: BrokerSettings, log_dir: Path, port: int, controller_port: int) -> str:
    """The text of server.properties."""
    chosen = {
        **_identity(settings, log_dir, port, controller_port),
        **_replication(settings),
        **_groups(settings),
        **_SMALL,
    }
    return "".join(f"{key}={value}\n" for key, value in chosen.items())


def _identity(settings: BrokerSettings, log_dir: Path, port: int, controller_port: int) -> dict[str, str]:
    alone = {"controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}"}
    quorum = {"controller.quorum.voters": ",".join(settings.voters)} if settings.voters else alone
    rack = {"broker.rack": settings.rack} if settings.rack else {}
    return {
        "process.roles": "broker,controller",
        "node.id": str(settings.node_id),
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **quorum,
        "log.dirs": str(log_dir),
        "auto.create.topics.enable": "false",
        **rack,
    }


def _replication(settings: BrokerSettings) -> dict[str, str]:
    factor, in_sync = str(settings.replication_factor), str(settings.min_insync_replicas)
    return {
        "default.replication.factor": factor,
        "min.insync.replicas": in_sync,
        "broker.session.timeout.ms": str(settings.broker_session_ms),
        "broker.heartbeat.interval.ms": str(settings.broker_session_ms // 3),
        "offsets.topic.replication.factor": factor,
        "transaction.state.log.replication.factor": factor,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": factor,
        "share.coordinator.state.topic.min.isr": in_sync,
        "leader.imbalance.check.interval.seconds": str(settings.leader_balance_seconds),
        "leader.imbalance.per.broker.percentage": "0",
    }


def _groups(settings: BrokerSettings) -> dict[str, str]:
    heartbeat, session = str(settings.group_heartbeat_ms), str(settings.group_session_ms)
    return {
        "group.initial.rebalance.delay.ms": "0",
        "group.consumer.heartbeat.interval.ms": heartbeat,
        "group.consumer.min.heartbeat.interval.ms": "100",
        "group.consumer.session.timeout.ms": session,
        "group.consumer.min.session.timeout.ms": "1000",
        "group.min.session.timeout.ms": "1000",
        # A killed processor's open transaction holds up readers for its own timeout and at most this much more.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    }


_SMALL = {
    "message.max.bytes": str(_MESSAGE_MAX_BYTES),
    "replica.fetch.max.bytes": str(_MESSAGE_MAX_BYTES),
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "group.coordinator.threads": "1",
    "share.coordinator.threads": "1",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    # No record twice a second only to show that the controller lives.
    "metadata.max.idle.interval.ms": "0",
    "replica.high.watermark.checkpoint.interval.ms": "30000",
}

LOG4J2 = """\
status=error
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=${sys:sealane.log}
appender.file.filePattern=${sys:sealane.log}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c{1.} %m%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
rootLogger.level=warn
rootLogger.appenderRef.file.ref=file
"""
