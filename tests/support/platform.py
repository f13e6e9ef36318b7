"""A whole platform as a user starts it: `sealane up` as a process, on free ports, in a temporary directory."""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
from typer.testing import CliRunner, Result

from infra.main import full_cli

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
TOUR_SECONDS = 420.0
# What the command line of a server that is not ours says.
SERVERS = {"kafka": "kafka.Kafka", "postgres": "/postgres "}
Json = dict[str, Any]


class Platform:
    """Use as a context manager. `api` speaks to it as its administrator."""

    def __init__(self, folder: Path, tour: bool = False, **settings: object) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._tour = tour
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.environment = os.environ | {
            "SEALANE_DATA_DIR": str(self.data),
            "SEALANE_PORT": self.url.rpartition(":")[2],
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self.environment |= {f"SEALANE_{name.upper()}": str(value) for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.api = httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.api.close()

    def start(self) -> None:
        """Returns when it says that it is up (and its tour, if wanted, was given)."""
        log = self.folder / "up.log"
        command = (sys.executable, "-m", "infra.command", "up", "--demo" if self._tour else "--no-demo")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        self.wait(
            lambda: "Ctrl-C stops everything" in log.read_text(),
            TOUR_SECONDS if self._tour else START_SECONDS,
            lambda: log.read_text()[-3000:],
        )
        connection = json.loads((self.data / "client.json").read_text())
        self.api.headers["Authorization"] = f"Bearer {connection['token']}"

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def sealane(self, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, "-m", "infra.command", *arguments)
        environment = self.environment | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=cwd or ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def sealane_here(self, *arguments: str) -> Result:
        """The same command without a process of its own, for where there are many to give."""
        return CliRunner().invoke(full_cli(), arguments, env=self.environment)

    def start_command(self, *command: str, cwd: Path) -> "subprocess.Popen[bytes]":
        """A command of the user's, as they would give it in a second terminal."""
        return subprocess.Popen(
            command, cwd=cwd, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def get(self, path: str, **params: Any) -> Json:
        answer = self.api.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def post(self, path: str, body: Json | None = None) -> httpx.Response:
        return self.api.post(f"/api/v1{path}", json=body or {})

    def kill(self, role: str) -> None:
        """`kill -9` of the process that plays the role (`gateway`, `processor 1`, `agent us-east`, `kafka`, ...)."""
        os.kill(self.pid(role), signal.SIGKILL)

    def pid(self, role: str) -> int:
        """Of the children of this platform's supervisor only."""
        assert self._process is not None
        wanted = SERVERS.get(role, f"infra.roles {role}")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(entry) == self._process.pid and wanted in _command(entry):
                return int(entry.name)
        raise AssertionError(f"no process plays '{role}'")

    def repository(self, name: str, pipeline: str, **files: str) -> "Repository":
        """A work tree whose remote is the app `name` of the built-in server, with a first commit."""
        return Repository(self.folder / name, f"{self.url}/git/{name}.git", {".pipeline.yml": pipeline, **files})

    def finished_run(self, app: str, number: int, seconds: float = 90.0) -> Json:
        """The run's document once it is finished."""
        return self.run_when(app, number, lambda run: bool(run["state"] == "finished"), seconds)

    def run_when(self, app: str, number: int, condition: Callable[[Json], bool], seconds: float = 90.0) -> Json:
        found: list[Json] = []

        def met() -> bool:
            try:
                answer = self.api.get(f"/api/v1/apps/{app}/runs/{number}")
            except httpx.TransportError:
                return False
            found[:] = [answer.json()] if answer.status_code == 200 else []
            return bool(found) and condition(found[0])

        self.wait(met, seconds, lambda: json.dumps(found, indent=1)[:6000])
        return found[0]

    def log(self, run: Json, job: str) -> str:
        answer = self.api.get(f"/api/v1/runs/{run['id']}/jobs/{job}/attempts/latest/log")
        assert answer.status_code == 200, answer.text
        return answer.text

    def post_github(self, app: str, payload: Json, delivery: str, event: str = "push") -> httpx.Response:
        """As GitHub posts it, signed with the app's secret."""
        secret = self.get(f"/apps/{app}/webhook")["secret"]
        body = json.dumps(payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return self.api.post("/webhooks/github", content=body, headers=headers)

    @staticmethod
    def wait(condition: Callable[[], bool], seconds: float, explain: Callable[[], str]) -> None:
        """Until the condition holds; fails with what `explain` says. What is costly to ask is asked less often."""
        deadline = time.monotonic() + seconds
        began = time.monotonic()
        while not condition():
            now = time.monotonic()
            assert now < deadline, f"not within {seconds:g} s: {explain()}"
            time.sleep(min(max(0.1, 4 * (now - began)), 1.0))
            began = time.monotonic()


class Repository:
    """A git work tree with a remote `sealane`."""

    def __init__(self, folder: Path, url: str, files: dict[str, str]) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "sealane", url)
        self.head = self.commit("first", files)

    def commit(self, message: str, files: dict[str, str]) -> str:
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        self.git(*identity, "commit", "--quiet", "--allow-empty", "--message", message)
        self.head = self.git("rev-parse", "HEAD").stdout.strip()
        return self.head

    def push(self, *refs: str) -> str:
        """What git and the server said."""
        return self.git("push", "sealane", *(refs or ("main",))).stderr

    def push_in_background(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            ("git", "push", "sealane", "main"), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def git(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return subprocess.run(
            ("git", *arguments), cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
