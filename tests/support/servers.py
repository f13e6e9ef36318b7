"""Real servers for tests, got in this order: an existing one that the environment names, a container where a Docker
engine answers and already has the image, else the embedded one.

Nothing outlives the test session. Directories are open to all users because Postgres runs as `nobody` under root.
"""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from infra.embedded import kafka, postgres
from infra.embedded.kafka_cluster import PreparedCluster, prepare_cluster
from infra.embedded.kafka_config import BrokerSettings
from infra.embedded.process import kill, spawn, wait_ready
from tests.support.containers import KAFKA_IMAGE, POSTGRES_IMAGE, docker_has, kafka_container, postgres_container

# A killed consumer's partitions move on quickly, so tests of that are quick; an idle CPU is of no concern here.
TEST_BROKER = BrokerSettings(
    group_heartbeat_ms=300, group_session_ms=3000, broker_session_ms=1500, leader_balance_seconds=1
)


@contextmanager
def shared_kafka(template: Path) -> Iterator[str]:
    """Bootstrap servers of a broker that may have seen other tests: use topics and groups of your own names."""
    if named := kafka.existing():
        yield named
    elif docker_has(KAFKA_IMAGE):
        with kafka_container(TEST_BROKER) as servers:
            yield servers
    else:
        with embedded_kafka(template) as servers:
            yield servers


@contextmanager
def embedded_kafka(template: Path) -> Iterator[str]:
    """Bootstrap servers of a new broker of one's own, whose storage is a copy of the template's."""
    with scratch_directory() as folder:
        shutil.copytree(template / "log", folder / "log")
        server = kafka.start(folder, settings=TEST_BROKER)
        try:
            yield server.bootstrap_servers
        finally:
            server.kill()


class Cluster:
    """Running brokers by rack, each of which can be killed and started again."""

    def __init__(self, prepared: PreparedCluster) -> None:
        self.bootstrap_servers = prepared.bootstrap_servers
        self._specs = {spec.name.removeprefix("kafka-"): spec for spec in prepared.specs}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *racks: str) -> None:
        """Side by side; returns when all of them take part."""
        self._running |= {rack: spawn(self._specs[rack]) for rack in racks}
        for rack in racks:
            wait_ready(self._running[rack], self._specs[rack])

    def kill(self, rack: str) -> None:
        kill(self._running.pop(rack))

    def kill_all(self) -> None:
        for rack in list(self._running):
            self.kill(rack)


@contextmanager
def kafka_cluster(racks: tuple[str, ...]) -> Iterator[Cluster]:
    """A broker in each rack."""
    with scratch_directory() as folder:
        cluster = Cluster(prepare_cluster(folder, racks, settings=TEST_BROKER))
        try:
            cluster.start(*racks)
            yield cluster
        finally:
            cluster.kill_all()


@contextmanager
def kafka_template() -> Iterator[Path]:
    """A directory with formatted storage that no broker has used."""
    with scratch_directory() as folder:
        kafka.prepare(folder, progress=print, settings=TEST_BROKER)
        yield folder


@contextmanager
def shared_postgres() -> Iterator[str]:
    """The dsn of a server where databases can be made."""
    if named := postgres.existing():
        yield named
    elif docker_has(POSTGRES_IMAGE):
        with postgres_container() as dsn:
            yield dsn
    else:
        with scratch_directory() as folder:
            server = postgres.start(folder, progress=print, durable=False)
            try:
                yield server.dsn
            finally:
                server.kill()


@contextmanager
def fresh_database(dsn: str, template: str = "") -> Iterator[str]:
    """The dsn of a new database on the server of `dsn`, dropped afterwards whoever is still connected.

    It is empty, or a copy of the one whose dsn `template` is, to which nobody may be connected.
    """
    name = f"test_{secrets.token_hex(6)}"
    source = urlsplit(template).path.removeprefix("/") or "template1"
    _execute(dsn, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source)))
    try:
        yield urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    finally:
        _execute(dsn, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(dsn: str, statement: sql.Composed) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A temporary directory that other users may enter."""
    with tempfile.TemporaryDirectory(prefix="sealane-tests-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)
