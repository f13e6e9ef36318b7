"""`sealane up`: starts the local platform, shows the sample app's run live, then stays until it is told to stop."""

import signal
import subprocess
import time
from types import FrameType

from rich.console import Console

from gateway.cli.client import Client
from gateway.cli.errors import CliError, Exit
from infra.embedded.errors import ServerError
from infra.embedded.process import resident_bytes
from infra.embedded.supervised import Change, State
from infra.embedded.supervisor import Supervisor
from infra.local.installation import Installation
from infra.local.screen import StartScreen
from infra.local.serving import serve_sample
from infra.settings import Settings
from infra.wiring.deployers import stop_targets

READY_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


class Up:
    """One call of `sealane up`."""

    def __init__(self, settings: Settings, console: Console, demo: bool | None) -> None:
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
            try:
                with Supervisor(self._settings.data_path, self._on_change) as supervisor:
                    self._serve_until_interrupted(supervisor)
            finally:
                stop_targets(self._settings)
            self._console.print("stopped; 'make up' continues with all history", style="dim")
        except ServerError as error:
            raise CliError(error.detail, Exit.UNAVAILABLE, error.code) from error
        except OSError as error:
            raise CliError(str(error), Exit.UNAVAILABLE, "start-failed") from error

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
        self._summary(supervisor)
        serve_sample(self._console, client, self._settings, self._demo)

    def _start(self, supervisor: Supervisor) -> Installation:
        installation = Installation(self._settings)
        installation.prepare(self._screen.progress)
        self._settings = installation.settings
        supervisor.start(*installation.servers)
        self._setup(installation)
        supervisor.start(*installation.platform(), *installation.agents())
        self._wait_ready(installation)
        installation.announce()
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

    def _summary(self, supervisor: Supervisor) -> None:
        pids = [change.pid for change in supervisor.status() if change.pid]
        memory = sum(resident_bytes(pid) for pid in pids) >> 20
        self._console.print(
            f"\nSealane is up at [bold]{self._settings.url}[/bold] after {time.monotonic() - self._began:.1f} s: "
            f"{len(pids)} processes, {memory} MB, data in {self._settings.data_path}\n",
            soft_wrap=True,
        )

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
