"""A whole platform as `make up` makes it, role by role as real processes, without the sample.

Agents are there when they are asked for.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from infra.embedded.ports import HOST, choose_port
from infra.embedded.process import ProcessSpec, Server, silent, start_process
from infra.local.installation import Installation
from infra.settings import Settings
from tests.benchmarks.measure import expect
from tests.support.git_repository import WorkTree, environment
from tests.support.servers import scratch_directory

REGION = "us-east"
Database = psycopg.Connection[tuple[Any, ...]]
_TICKS = os.sysconf("SC_CLK_TCK")


class House:
    """`settings` may name less or more than the one region and one processor of the default."""

    def __init__(self, folder: Path, agents: bool = False, **settings: Any) -> None:
        port = choose_port(0, "the gateway")
        chosen = {"regions": (REGION,), "log_level": "WARNING", **settings}
        self.folder = folder
        self._with_agents = agents
        self.installation = Installation(Settings(data_dir=str(folder / "data"), port=port, **chosen))
        self._processes: dict[str, tuple[ProcessSpec, Server]] = {}
        self.api = httpx.Client(
            base_url=f"http://{HOST}:{port}",
            headers={"Authorization": f"Bearer {self.installation.key.admin_token}"},
            timeout=30,
        )

    def start(self) -> None:
        self.installation.prepare(silent)
        for spec in self.installation.servers:
            self._start(spec)
        command, environment = self.installation.setup_command()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        for spec in self.installation.platform():
            self._start(spec)
        for spec in self.installation.agents() if self._with_agents else ():
            self._start(spec)
        _wait(lambda: self.api.get("/readyz").status_code == 200, "the gateway is not ready")

    def stop(self) -> None:
        self.api.close()
        for _, server in reversed(self._processes.values()):
            server.kill()

    def kill(self, name: str) -> None:
        """`kill -9`."""
        self._processes[name][1].kill()

    def stop_gently(self, name: str) -> None:
        """As an operator does: it ends what it started itself."""
        self._processes[name][1].stop()

    def restart(self, name: str) -> None:
        self._start(self._processes[name][0])

    def _start(self, spec: ProcessSpec) -> None:
        self._processes[spec.name] = (spec, Server(spec, start_process(spec)))

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._processes)

    def database(self) -> "Database":
        """Reads the views."""
        options = "-c search_path=sealane"
        return psycopg.connect(self.settings.database_url, autocommit=True, options=options)

    def wait_until(self, condition: "Callable[[Database], bool]", seconds: float = 60.0) -> None:
        """Ask the views until it holds."""
        with self.database() as database:
            _wait(lambda: condition(database), "what was waited for did not happen", seconds)

    def await_answer(self, path: str) -> httpx.Response:
        """Ask again and again until the views know what is asked for."""
        found: list[httpx.Response] = []

        def known() -> bool:
            found[:] = [self.api.get(path)]
            return found[0].status_code == 200

        _wait(known, f"{path} is not known")
        return found[0]

    def cpu_seconds(self) -> dict[str, float]:
        """CPU used so far by each process and the children it has waited for or still has."""
        return {name: cpu_of(server.pid) for name, (_, server) in self._processes.items()}

    def repository(self, app: str, pipeline: str) -> str:
        """Push a commit with this pipeline file to the built-in server; answers with its id once its run exists."""
        tree = WorkTree(self.folder / app)
        tree.write(".pipeline.yml", pipeline)
        commit = tree.commit("Benchmark")
        self.push(tree, app)
        return commit

    def push(self, tree: WorkTree, app: str) -> None:
        """The tree's head to the app's main; returns once it has another run."""
        runs = self._runs(app)
        token = self.installation.key.admin_token
        url = f"http://bench:{token}@{HOST}:{self.settings.port}/git/{app}.git"
        # The push shows its run until that ends; nobody wants to see it here.
        command = ("git", "push", "--quiet", url, "main")
        push = subprocess.Popen(command, cwd=tree.path, env=environment(), stderr=subprocess.DEVNULL)
        try:
            _wait(lambda: self._runs(app) > runs, f"no run of {app} came of the push")
        finally:
            push.kill()
            push.wait()

    def _runs(self, app: str) -> int:
        with self.database() as database:
            row = database.execute("SELECT count(*) FROM runs WHERE app = %s", (app,)).fetchone()
        return int(row[0]) if row else 0

    def git_url(self, app: str) -> str:
        return f"http://{HOST}:{self.settings.port}/git/{app}.git"

    def forge_app(self, name: str, repository_url: str) -> str:
        """An app whose pushes come from a forge; answers with the secret of its hook."""
        body = {"name": name, "repository_url": repository_url, "forge": "github"}
        answer = self.api.post("/api/v1/apps", json=body)
        expect(answer.status_code == 201, answer.text)
        known = "SELECT 1 FROM apps WHERE name = %s"
        self.wait_until(lambda database: database.execute(known, (name,)).fetchone() is not None)
        return self.installation.key.webhook_secret(name)


def _wait(condition: Callable[[], bool], otherwise: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, f"after {seconds:g} s {otherwise}")
        time.sleep(0.003)


@contextmanager
def house(agents: bool = False, **settings: Any) -> Iterator[House]:
    with scratch_directory() as folder:
        made = House(folder, agents, **settings)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def per_process(before: Mapping[str, float], after: Mapping[str, float], units: float) -> str:
    """`gateway 4.1, worker 3.0, ...`: milliseconds of CPU for each of `units`."""
    used = {name: (after[name] - before[name]) * 1000 / units for name in before}
    parts = sorted(used.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {spent:.2f}" for name, spent in parts) + f"; in all {sum(used.values()):.1f}"


def cpu_of(pid: int) -> float:
    """Seconds used by its threads, its living children (Postgres is a family) and those that ended."""
    return sum(_own_cpu(each) for each in (pid, *_children(pid)))


def _own_cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _children(pid: int) -> list[int]:
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listing in listings for child in listing.read_text().split()]
