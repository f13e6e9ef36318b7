"""Shows the sample app's run, live, as the first thing a new user sees."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.cli.client import Client
from gateway.cli.errors import CliError
from gateway.cli.live import follow
from infra.local.demo import APP, DemoFailed, SampleApp

RUN_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


def show_sample(console: Console, client: Client, sample: SampleApp) -> None:
    """Push the sample app and follow its run to the end."""
    try:
        sample.prepare()
        console.print(f"pushing the sample app: cd {sample.folder} && git push sealane main", style="dim")
        before = _newest(client)
        push = ThreadPoolExecutor(1).submit(sample.push, lambda line: None)
        run_id = _await_run(client, before, push)
        follow(client, run_id, console)
    except (DemoFailed, CliError) as error:
        console.print(Text.assemble(("the sample app's run can't be shown: ", "red"), str(error)))


def _await_run(client: Client, before: str, push: "Future[None]") -> str:
    """The id of the run that the push made. Raises DemoFailed when there is none in time."""
    deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        newest = _newest(client)
        if newest != before:
            return newest
        if push.done():
            push.result()
            raise DemoFailed("the push made no run (was the commit pushed before?)")
        time.sleep(POLL_SECONDS)
    raise DemoFailed(f"the push made no run within {RUN_TIMEOUT_SECONDS:.0f} s")


def _newest(client: Client) -> str:
    items: list[dict[str, Any]] = client.get("/api/v1/runs", app=APP, limit=1)["items"]
    return str(items[0]["id"]) if items else ""
