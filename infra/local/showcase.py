"""What a new user sees first: the sample application is built, goes to dev and staging, and to production by canary."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.cli.client import Client
from gateway.cli.errors import CliError
from gateway.cli.live import follow
from gateway.cli.rollout_live import follow_rollout
from infra.local.demo import APP, DemoFailed, SampleApp
from infra.local.traffic import SampleTraffic

Json = dict[str, Any]
ENVIRONMENTS = ("dev", "staging", "production")
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
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
        built = follow(self._client, run_id, self._console, _is_built)
        return built["state"] != "finished" and all(self._deployed(run_id, name) for name in ENVIRONMENTS)

    def _deployed(self, run_id: str, environment: str) -> bool:
        rollout = self._await_rollout(run_id, environment)
        if rollout is None:
            return False
        approving = ThreadPoolExecutor(1).submit(self._approve, rollout["id"])
        document = follow_rollout(self._client, rollout["id"], self._console, self._traffic.lines)
        approving.result()
        return bool(document["outcome"] == "success")

    def _approve(self, rollout_id: str) -> None:
        """Play the person that is waited for, after a while. Who reads may be quicker, or say no."""
        try:
            self._play_approver(rollout_id)
        except CliError as error:
            self._say(f"not approved by the tour: {error}")

    def _play_approver(self, rollout_id: str) -> None:
        path = f"/api/v1/rollouts/{rollout_id}"
        waited = 0.0
        while (rollout := self._client.get(path))["state"] in ("requested", "waiting_approval"):
            if waited >= APPROVAL_SECONDS:
                name = f"{rollout['app']}@{rollout['number']}"
                self._say(f"approved as you would in a second terminal: sealane approve '{name}'")
                self._client.post(f"{path}/approvals", {"comment": "approved by the tour of 'sealane up'"})
                return
            waited += POLL_SECONDS if rollout["state"] == "waiting_approval" else 0.0
            time.sleep(POLL_SECONDS)

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

    def _await_rollout(self, run_id: str, environment: str) -> Json | None:
        """None where the run ends without one."""
        while True:
            ended = self._client.get(f"/api/v1/runs/{run_id}")["state"] == "finished"
            items: list[Json] = self._client.get("/api/v1/rollouts", app=APP, environment=environment)["items"]
            found = next((each for each in items if each["run_id"] == run_id), None)
            if found or ended:
                return found
            time.sleep(POLL_SECONDS)

    def _newest(self) -> str:
        items: list[Json] = self._client.get("/api/v1/runs", app=APP, limit=1)["items"]
        return str(items[0]["id"]) if items else ""

    def _say(self, words: str) -> None:
        self._console.print(words, style="dim", soft_wrap=True)


def _is_built(run: Json) -> bool:
    """Whether its first deployment has begun."""
    return any(stage["state"] == "deploying" for stage in run["stages"])
