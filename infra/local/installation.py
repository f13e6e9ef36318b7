"""One whole platform on this machine: which processes it has, how each is started, and with which settings.

Servers named by the environment (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL) are used; the others are embedded.
"""

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
from infra.embedded.ports import choose_port
from infra.embedded.process import ProcessSpec, Progress
from infra.embedded.supervisor import Supervisor
from infra.keys import InstallationKey
from infra.local.connection_file import write_connection
from infra.settings import Settings

RUNNING_FILE = "running.json"
_HERE = Path(__file__).parents[2]


def _at_once() -> bool:
    return True


class Installation:
    """The processes of one data directory. `prepare` fetches and formats what is missing; nothing is started here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = settings.data_path
        self.logs = self.data / "logs"
        self.key = InstallationKey.load_or_create(self.data)
        self.servers: tuple[ProcessSpec, ...] = ()

    def prepare(self, progress: Progress) -> None:
        """Raises ServerError naming what can't be had."""
        choose_port(self.settings.port, "the gateway")
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
        prepared = kafka.prepare(self.data / "kafka", progress=progress)
        self._set(kafka_bootstrap_servers=prepared.bootstrap_servers)
        return iter((prepared.spec,))

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
        """Gateway, processors and worker."""
        processors = [self._role(f"processor-{n}", "processor", str(n)) for n in range(1, self.settings.processors + 1)]
        return (
            self._role("gateway", "gateway", ready=self._gateway_answers),
            *processors,
            self._role("worker", "worker"),
        )

    def agents(self) -> tuple[ProcessSpec, ...]:
        """One agent for the default pool of each region."""
        return tuple(
            self._role(
                f"agent-{region}",
                "agent",
                region,
                env={"SEALANE_AGENT_TOKEN": self.key.agent_token(region)},
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
            if field not in ("forges", "regions")
        }
        known["SEALANE_REGIONS"] = ",".join(self.settings.regions)
        known["SEALANE_DATA_DIR"] = str(self.data)
        known["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_HERE), os.environ.get("PYTHONPATH", ""))))
        return known

    def _gateway_answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://{self.settings.host}:{self.settings.port}/healthz", timeout=1
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


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
    missing = {name: value for name, value in running.items() if not getattr(settings, name)}
    return msgspec.structs.replace(settings, **missing)
