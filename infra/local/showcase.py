"""What a new user sees first: the sample application is built, goes to dev and staging, and to production by canary."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.cli.client import Client
from gateway.cli.errors import CliError
from gateway.cli.live import follow
from infra.local.demo import APP, DemoFailed, SampleApp
from infra.local.traffic import SampleTraffic

Json = dict[str, Any]
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
LOOK_SECONDS = 0.5
# So long a reader has to see that it waits for a person, before that person is played.
APPROVAL_SECONDS = 4.0


class Showcase:
    """Pushes the sample application twice, and shows how each release gets into production."""

    def __init__(self, console: Console, client: Client, sample: SampleApp, traffic: SampleTraffic) -> None:
        self._console = console
        self._client = client
        self._sample = sample
        self._traffic = traffic

    def run(self) -> None:
        """Says so where something can't be shown; the platform is up all the same."""
        try:
            self._sample.prepare()
            self._say("The first release: nothing is in production yet, so it goes there straight.")
            if self._release(self._sample.push):
                self._say("\nThe second release: its share of the traffic grows only while all goes well.")
                self._release(self._sample.push_variant("good"))
            self._console.print(Text("\n").append_text(self._traffic.summary()))
        except (DemoFailed, CliError) as error:
            self._console.print(Text.assemble(("the sample app can't be shown: ", "red"), str(error)))

    def _release(self, push: Callable[[Callable[[str], None]], None]) -> bool:
        """One push, followed into every environment. Whether it got into all of them."""
        self._say(f"cd {self._sample.folder} && git push sealane main")
        before = self._newest()
        pushing = ThreadPoolExecutor(1).submit(push, lambda line: None)
        run_id = self._await_run(before, pushing)
        ended = threading.Event()
        approving = ThreadPoolExecutor(1).submit(self._approve, run_id, ended)
        try:
            return bool(follow(self._client, run_id, self._console, self._traffic.lines)["outcome"] == "success")
        finally:
            ended.set()
            approving.result()

    def _approve(self, run_id: str, ended: threading.Event) -> None:
        """Play the person whom the run's rollout waits for, after a while. Who reads may be quicker, or say no."""
        waiting = False
        while not ended.wait(APPROVAL_SECONDS if waiting else LOOK_SECONDS):
            found: list[Json] = []
            try:
                rollouts = self._client.get("/api/v1/rollouts", app=APP)["items"]
                found = [each for each in rollouts if _waits(each, run_id)]
                if waiting and found:
                    name = f"{found[0]['app']}@{found[0]['number']}"
                    self._say(f"approved as you would in a second terminal: sealane approve '{name}'")
                    path = f"/api/v1/rollouts/{found[0]['id']}/approvals"
                    self._client.post(path, {"approve": True, "comment": "by the tour of 'sealane up'"})
            except CliError as error:
                self._say(f"not approved by the tour: {error}")
            waiting = bool(found) and not waiting

    def _await_run(self, before: str, push: "Future[None]") -> str:
        """The id of the run that the push made. Raises DemoFailed when there is none in time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            newest = self._newest()
            if newest != before:
                return newest
            if push.done():
                push.result()
                raise DemoFailed("the push made no run (was the commit pushed before?)")
            time.sleep(POLL_SECONDS)
        raise DemoFailed(f"the push made no run within {WAIT_SECONDS:.0f} s")

    def _newest(self) -> str:
        items: list[Json] = self._client.get("/api/v1/runs", app=APP, limit=1)["items"]
        return str(items[0]["id"]) if items else ""

    def _say(self, words: str) -> None:
        self._console.print(words, style="dim", soft_wrap=True)


def _waits(rollout: Json, run_id: str) -> bool:
    return bool(rollout["run_id"] == run_id and rollout["state"] == "waiting_approval")
