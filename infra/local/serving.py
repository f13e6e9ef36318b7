"""What `sealane up` does once the platform runs: the sample application under traffic, its story, and hints."""

import threading

from rich.console import Console

from gateway.cli.client import Client
from infra.local.demo import APP, SampleApp
from infra.local.hints import show_hints
from infra.local.showcase import Showcase
from infra.local.traffic import SampleTraffic
from infra.settings import Settings


def serve_sample(console: Console, client: Client, settings: Settings, demo: bool | None) -> None:
    """Stays until it is interrupted. `demo`: tells the story even where the sample has runs already."""
    sample = SampleApp(settings.data_path / APP, f"{settings.url}/git/{APP}.git")
    with SampleTraffic(client, APP) as traffic:
        if _wants_tour(client, demo):
            Showcase(console, client, sample, traffic).run()
        show_hints(console, client, sample.folder, settings.url)
        threading.Event().wait()


def _wants_tour(client: Client, demo: bool | None) -> bool:
    """By default the first time only."""
    return not client.get("/api/v1/runs", app=APP, limit=1)["items"] if demo is None else demo
