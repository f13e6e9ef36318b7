"""One whole platform on this machine: which processes it has, how each is started, and with which settings.

With one broker there is one of everything but agents. With several, every region has all that it needs to go on
alone, but for Postgres: broker, gateway, processors, worker, agent. Servers named by the environment
(KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL) are used; the others are embedded.
"""

import itertools
import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from infra.embedded import kafka, postgres
from infra.embedded.errors import ServerError
from infra.embedded.haproxy import find_haproxy
from infra.embedded.kafka_cluster import prepare_cluster
from infra.embedded.kafka_config import BrokerSettings
from infra.embedded.ports import choose_port, choose_ports
from infra.embedded.process import ProcessSpec, Progress
from infra.embedded.supervisor import Supervisor
from infra.keys import InstallationKey
from infra.local.connection_file import write_connection
from infra.settings import LISTS, Settings

RUNNING_FILE = "running.json"
_HERE = Path(__file__).parents[2]


def _at_once() -> bool:
    return True


class Installation:
    """The processes of one data directory. `prepare` fetches and formats what is missing; nothing is started here."""

    def __init__(self, settings: Settings, broker: BrokerSettings | None = None) -> None:
        self.settings = settings
        self.broker = broker or BrokerSettings()
        self.data = settings.data_path
        self.logs = self.data / "logs"
        self.key = InstallationKey.load_or_create(self.data)
        self.servers: tuple[ProcessSpec, ...] = ()
        self.ports: dict[str, int] = {}

    @property
    def regional(self) -> bool:
        """Whether every region has all that it needs."""
        return self.settings.brokers > 1

    def prepare(self, progress: Progress) -> None:
        """Raises ServerError naming what can't be had."""
        choose_port(self.settings.port, "the gateway")
        first, *others = self.settings.regions
        self.ports = {first: self.settings.port}
        if self.regional:
            self.ports |= dict(zip(others, choose_ports(len(others), "a gateway"), strict=True))
        with ThreadPoolExecutor(1) as beside:
            beside.submit(_prepare_proxy, progress)
            self.prepare_servers(progress)

    def prepare_servers(self, progress: Progress) -> None:
        """Kafka and Postgres side by side. Raises ServerError naming what can't be had."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(2) as both:
            broker = both.submit(self._prepare_kafka, progress)
            database = both.submit(self._prepare_postgres, progress)
            self.servers = (*broker.result(), *database.result())
        self._write_running()

    def _prepare_kafka(self, progress: Progress) -> Iterator[ProcessSpec]:
        if self.settings.kafka_bootstrap_servers:
            return iter(())
        folder = self.data / "kafka"
        check_brokers(folder, self.settings.brokers)
        if not self.regional:
            prepared = kafka.prepare(folder, progress=progress, settings=self.broker)
            self._set(kafka_bootstrap_servers=prepared.bootstrap_servers)
            return iter((prepared.spec,))
        regions = itertools.cycle(self.settings.regions)
        racks = [next(regions) for _ in range(self.settings.brokers)]
        cluster = prepare_cluster(folder, racks, progress, self.broker)
        self._set(
            kafka_bootstrap_servers=cluster.bootstrap_servers,
            replication_factor=min(3, len(racks)),
            min_insync_replicas=2,
        )
        return iter(cluster.specs)

    def _prepare_postgres(self, progress: Progress) -> Iterator[ProcessSpec]:
        if self.settings.database_url:
            return iter(())
        prepared = postgres.prepare(self.data / "postgres", progress=progress)
        self._set(database_url=prepared.dsn)
        return iter((prepared.spec,))

    def _set(self, **values: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **values)

    def _write_running(self) -> None:
        """What other commands of this folder need to reach the embedded servers."""
        path = self.data / RUNNING_FILE
        path.touch(mode=0o600)
        path.write_text(
            json.dumps(
                {
                    "kafka_bootstrap_servers": self.settings.kafka_bootstrap_servers,
                    "replication_factor": self.settings.replication_factor,
                    "min_insync_replicas": self.settings.min_insync_replicas,
                    "database_url": self.settings.database_url,
                }
            )
        )

    def announce(self) -> None:
        """Let the command line find this installation."""
        write_connection(self.data, self.settings.url, self.key.admin_token)

    def setup_command(self) -> tuple[list[str], dict[str, str]]:
        """argv and environment of the short process that creates topics and migrates the database."""
        return [sys.executable, "-m", "infra.roles", "setup"], os.environ | self._environment()

    def platform(self) -> tuple[ProcessSpec, ...]:
        """Gateways, processors and workers."""
        if self.regional:
            return tuple(spec for region in self.settings.regions for spec in self._of_region(region))
        processors = [self._role(f"processor-{n}", "processor", str(n)) for n in range(1, self.settings.processors + 1)]
        return (
            self._role("gateway", "gateway", ready=lambda: self._gateway_answers(self.settings.port)),
            *processors,
            self._role("worker", "worker", env={"SEALANE_DEPLOY_REGIONS": ",".join(self.settings.regions)}),
        )

    def _of_region(self, region: str) -> tuple[ProcessSpec, ...]:
        port = self.ports[region]
        processors = [f"{region}-{number}" for number in range(1, self.settings.processors + 1)]
        place = {"SEALANE_PORT": str(port), "SEALANE_PUBLIC_URL": self.settings.url, "SEALANE_INSTANCE": region}
        return (
            self._role(f"gateway-{region}", "gateway", ready=lambda: self._gateway_answers(port), env=place),
            *(self._role(f"processor-{name}", "processor", name) for name in processors),
            self._role(f"worker-{region}", "worker", env={**place, "SEALANE_DEPLOY_REGIONS": region}),
        )

    def agents(self) -> tuple[ProcessSpec, ...]:
        """One agent for the default pool of each region."""
        return tuple(
            self._role(
                f"agent-{region}",
                "agent",
                region,
                env={
                    "SEALANE_AGENT_TOKEN": self.key.agent_token(region),
                    "SEALANE_PORT": str(self.ports.get(region, self.settings.port)),
                },
                grace_seconds=15.0,
            )
            for region in self.settings.regions
        )

    def _role(
        self,
        name: str,
        *arguments: str,
        ready: Callable[[], bool] = _at_once,
        env: dict[str, str] | None = None,
        grace_seconds: float = 10.0,
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-m", "infra.roles", *arguments),
            log_path=self.logs / f"{name}.log",
            ready=ready,
            env=self._environment() | (env or {}),
            grace_seconds=grace_seconds,
        )

    def _environment(self) -> dict[str, str]:
        """The settings as the children must see them, whatever folder and file they came from."""
        known = {
            f"SEALANE_{field.upper()}": value if isinstance(value, str) else json.dumps(value)
            for field, value in msgspec.to_builtins(self.settings).items()
            if field not in ("forges", *LISTS)
        }
        known["SEALANE_REGIONS"] = ",".join(self.settings.regions)
        known["SEALANE_TARGETS_DIR"] = str(self.settings.targets_path)
        known["SEALANE_DATA_DIR"] = str(self.data)
        # Each process takes a free port of its own and says in <data>/metrics which.
        known["SEALANE_METRICS_PORT"] = "0"
        known["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_HERE), os.environ.get("PYTHONPATH", ""))))
        return known

    def _gateway_answers(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.settings.host}:{port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _prepare_proxy(progress: Progress) -> None:
    """Fetched ahead, so that no deployment waits for it; without it all else works."""
    try:
        find_haproxy(progress)
    except ServerError as error:
        progress(f"HAProxy: none ({error.detail.splitlines()[0]}); targets of services need one")


def check_brokers(folder: Path, wanted: int) -> None:
    """A directory keeps the number of brokers it was made with: their data is no other number's."""
    alone = int((folder / "log").exists())
    made_with = len(list(folder.glob("broker-*"))) or alone
    if made_with not in (0, wanted):
        raise ServerError(
            "brokers-changed",
            f"{folder} was made with {made_with} broker{'s' * (made_with > 1)}, not {wanted}: use SEALANE_BROKERS="
            f"{made_with}, or another SEALANE_DATA_DIR.",
        )


@contextmanager
def running_servers(settings: Settings) -> Iterator[Settings]:
    """Nothing but the servers of a data directory that nobody else runs, for as long as the caller needs them.

    Raises ServerError.
    """
    installation = Installation(settings)
    with Supervisor(settings.data_path) as supervisor:
        installation.prepare_servers(lambda text: None)
        supervisor.start(*installation.servers)
        yield installation.settings


def with_running_servers(settings: Settings) -> Settings:
    """`settings`, completed by what a running local installation of the same data directory says."""
    path = settings.data_path / RUNNING_FILE
    if not path.is_file():
        return settings
    running = json.loads(path.read_text())
    cluster = ("kafka_bootstrap_servers", "replication_factor", "min_insync_replicas")
    wanted = (() if settings.kafka_bootstrap_servers else cluster) + (
        () if settings.database_url else ("database_url",)
    )
    return msgspec.structs.replace(settings, **{name: running[name] for name in wanted if name in running})
