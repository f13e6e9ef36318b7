"""A platform of three regions, each with broker, gateway, processors, worker and agent, that can be lost and come back.

Started by the test itself, as a supervisor would start again what the test kills.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from infra.embedded.process import ProcessSpec, kill, spawn, stop, wait_ready
from infra.kafka.reader import KafkaLogReader
from infra.local.installation import Installation
from infra.settings import load_settings
from infra.wiring.parts import kafka
from tests.support.log_check import LogCheck
from tests.support.platform import Json, Platform

REGIONS = ("us-east", "eu-west", "ap-south")


class RegionalPlatform(Platform):
    """Use as a context manager. `api` and the command line speak to the gateway of `entrance`."""

    def __init__(self, folder: Path, entrance: str, **settings: object) -> None:
        super().__init__(folder, tour=False, brokers=3, processors=2, **settings)
        self._entrance = entrance
        self._specs: dict[str, ProcessSpec] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self.installation = Installation(load_settings(self.environment))
        self.installation.prepare(print)
        self._start(self.installation.servers)
        command, environment = self.installation.setup_command()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        self._start((*self.installation.platform(), *self.installation.agents()))
        self._enter()
        self.wait(lambda: all(self.region(name)["agents"] for name in REGIONS), 60, lambda: str(self.regions()))

    def _enter(self) -> None:
        self.url = self.url_of(self._entrance)
        token = self.installation.key.admin_token
        self.environment |= {"SEALANE_URL": self.url, "SEALANE_TOKEN": token}
        self.api = httpx.Client(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {token}"})

    def stop(self) -> None:
        for name in reversed(list(self._running)):
            process = self._running.pop(name)
            if name.startswith(("kafka", "postgres")):
                kill(process)
            else:
                process.terminate()
                stop(process, self._specs[name])

    def url_of(self, region: str) -> str:
        return f"http://127.0.0.1:{self.installation.ports[region]}"

    def regions(self) -> list[Json]:
        """As `sealane regions --json` has it."""
        found: list[Json] = self.get("/regions")["items"]
        return found

    def region(self, name: str) -> Json:
        return next(each for each in self.regions() if each["name"] == name)

    def lose(self, region: str) -> None:
        """`kill -9` of everything of the region."""
        lost = [name for name in self._running if region in name]
        for name in lost:
            self._running[name].kill()
        for name in lost:
            kill(self._running.pop(name))

    def bring_back(self, region: str) -> None:
        self._start(spec for name, spec in self._specs.items() if region in name)

    def _start(self, specs: Iterable[ProcessSpec]) -> None:
        """Side by side."""
        wanted = {spec.name: spec for spec in specs}
        self._specs |= wanted
        self._running |= {name: spawn(spec) for name, spec in wanted.items()}
        for name, spec in wanted.items():
            wait_ready(self._running[name], spec)

    def check_log(self) -> LogCheck:
        settings = self.installation.settings
        reader = KafkaLogReader(kafka(settings), "test-check", settled=True)
        try:
            return LogCheck(reader, settings.topology)
        finally:
            reader.close()

    def all_runs(self, app: str) -> list[Json]:
        found: list[Json] = []
        cursor: dict[str, Any] = {}
        while True:
            page = self.get("/runs", app=app, limit=200, **cursor)
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            cursor = {"cursor": page["next_cursor"]}
