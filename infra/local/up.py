"""`sealane up`: starts the local platform, shows the sample app's run live, then stays until it is told to stop."""

import signal
import subprocess
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.cli.client import Client
from gateway.cli.errors import CliError, Exit
from gateway.cli.live import follow
from gateway.cli.output import duration
from gateway.cli.run_view import title
from infra.embedded.errors import ServerError
from infra.embedded.process import resident_bytes
from infra.embedded.supervised import Change, State
from infra.embedded.supervisor import Supervisor
from infra.local.connection_file import write_connection
from infra.local.demo import APP, DemoFailed, SampleApp
from infra.local.installation import Installation
from infra.local.screen import StartScreen
from infra.settings import Settings

READY_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


class Up:
    """One call of `sealane up`."""

    def __init__(self, settings: Settings, console: Console, demo: bool) -> None:
        self._settings = settings
        self._console = console
        self._demo = demo
        self._screen = StartScreen(console)
        self._serving = False
        self._began = time.monotonic()

    def run(self) -> None:
        """Returns when it was told to stop and everything has. Raises CliError where the platform can't start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            with Supervisor(self._settings.data_path, self._on_change) as supervisor:
                self._serve_until_interrupted(supervisor)
            self._console.print("stopped; 'make up' continues with all history", style="dim")
        except (ServerError, OSError) as error:
            code = getattr(error, "code", "start-failed")
            raise CliError(f"{error}" if code in str(error) else f"{error} [{code}]", Exit.UNAVAILABLE, code) from error

    def _serve_until_interrupted(self, supervisor: Supervisor) -> None:
        try:
            self._serve(supervisor)
        except KeyboardInterrupt:
            self._console.print("\nstopping ...", style="dim")
        finally:
            self._serving = False
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)

    def _serve(self, supervisor: Supervisor) -> None:
        with self._screen.shown():
            installation = self._start(supervisor)
        client = Client(self._settings.url, installation.key.admin_token)
        self._serving = True
        self._summary(client, supervisor)
        if self._demo or not client.get("/api/v1/runs", app=APP, limit=1)["items"]:
            self._show_sample(client)
        self._hints(client)
        threading.Event().wait()

    def _start(self, supervisor: Supervisor) -> Installation:
        installation = Installation(self._settings)
        installation.prepare(self._screen.progress)
        self._settings = installation.settings
        supervisor.start(*installation.servers)
        self._setup(installation)
        supervisor.start(*installation.platform(), *installation.agents())
        self._wait_ready(installation)
        write_connection(installation.data, self._settings.url, installation.key.admin_token)
        return installation

    def _setup(self, installation: Installation) -> None:
        self._screen.busy("topics, tables", "comparing with the settings")
        command, environment = installation.setup_command()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError("setup-failed", f"topics or tables could not be made:\n{done.stderr.strip()[-2000:]}")
        self._screen.done("topics, tables", done.stdout.strip())

    def _wait_ready(self, installation: Installation) -> None:
        client = Client(self._settings.url, installation.key.admin_token)
        regions = set(self._settings.regions)
        self._screen.busy("regions", "waiting for their agents")
        missing = "the gateway is not ready"
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            try:
                client.get("/readyz")
                found = client.get("/api/v1/agents", limit=200)["items"]
                here = {agent["region"] for agent in found if agent["state"] == "connected"}
                if regions <= here:
                    isolation = ", ".join(sorted({agent["isolation"] for agent in found if agent["isolation"]}))
                    self._screen.done(
                        "regions", f"{', '.join(self._settings.regions)}; jobs are isolated by {isolation}"
                    )
                    return
                missing = f"no agent is connected in {', '.join(sorted(regions - here))}"
            except CliError as error:
                missing = str(error)
            time.sleep(POLL_SECONDS)
        raise ServerError("not-ready", f"after {READY_TIMEOUT_SECONDS:.0f} s: {missing}; logs: {installation.logs}")

    def _summary(self, client: Client, supervisor: Supervisor) -> None:
        pids = [change.pid for change in supervisor.status() if change.pid]
        memory = sum(resident_bytes(pid) for pid in pids) >> 20
        self._console.print(
            f"\nSealane is up at [bold]{self._settings.url}[/bold] after {duration(time.monotonic() - self._began)}: "
            f"{len(pids)} processes, {memory} MB, data in {self._settings.data_path}\n",
            soft_wrap=True,
        )

    def _show_sample(self, client: Client) -> None:
        sample = self._sample()
        try:
            sample.prepare()
            self._console.print(f"pushing the sample app: cd {sample.folder} && git push sealane main", style="dim")
            before = _newest(client)
            push = ThreadPoolExecutor(1).submit(sample.push, lambda line: None)
            run_id = self._await_run(client, before, push)
            follow(client, run_id, self._console)
        except (DemoFailed, CliError) as error:
            self._console.print(Text.assemble(("the sample app's run can't be shown: ", "red"), str(error)))

    def _sample(self) -> SampleApp:
        return SampleApp(self._settings.data_path / APP, f"{self._settings.url}/git/{APP}.git")

    def _await_run(self, client: Client, before: str, push: "Future[None]") -> str:
        """The id of the run that the push made. Raises DemoFailed when there is none in time."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            newest = _newest(client)
            if newest != before:
                return newest
            if push.done():
                push.result()
                raise DemoFailed("the push made no run (was the commit pushed before?)")
            time.sleep(POLL_SECONDS)
        raise DemoFailed(f"the push made no run within {READY_TIMEOUT_SECONDS:.0f} s")

    def _hints(self, client: Client) -> None:
        newest = client.get("/api/v1/runs", limit=5)["items"]
        self._console.print("\nNewest runs", style="bold")
        for run in newest:
            self._console.print(Text("  ").append_text(title(run)))
        folder = _short(self._sample().folder)
        hints = [
            ("see that run again", f"sealane show {APP}"),
            ("read its log", f"sealane logs {APP}"),
            ("approve, if it waits", f"sealane approve {APP}"),
            (
                "change it and push",
                f"cd {folder} && git commit --allow-empty -m try && git push sealane main",
            ),
            ("build your own", f"git remote add sealane {self._settings.url}/git/myapp.git && git push sealane main"),
            ("the audit trail, live", "sealane events tail"),
        ]
        self._console.print("\nTry next, in a second terminal (. .venv/bin/activate)", style="bold")
        for what, command in hints:
            self._console.print(f"  {what:<24} [cyan]{command}[/cyan]", soft_wrap=True)
        self._console.print("\nCtrl-C stops everything; nothing is forgotten.\n", style="dim")

    def _on_change(self, change: Change) -> None:
        if change.state is State.STARTING and not self._serving:
            self._screen.busy(change.name, "starting")
        elif change.state is State.READY and not self._serving:
            self._screen.done(change.name, f"pid {change.pid}")
        elif self._serving and change.state in (State.DIED, State.READY):
            self._console.print(
                f"  {change.name} {change.state} {change.detail or f'(pid {change.pid})'}", style="yellow"
            )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _newest(client: Client) -> str:
    items: list[dict[str, Any]] = client.get("/api/v1/runs", app=APP, limit=1)["items"]
    return str(items[0]["id"]) if items else ""


def _short(path: Path) -> str:
    """The path as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
