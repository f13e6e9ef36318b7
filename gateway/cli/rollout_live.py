"""Follows a rollout until it ends: a live picture on a terminal, a line for each change elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from gateway.cli import deployment_view
from gateway.cli.client import Client
from gateway.cli.errors import CliError, Exit
from gateway.cli.rollout_view import approval_line, name_of, rollout_mark, title, verdict, whole

Json = dict[str, Any]
FRAMES_PER_SECOND = 8
Draw = Callable[[Json, int], RenderableType]
News = tuple[tuple[Any, ...], Text]


class RolloutFollower:
    """The newest document of one rollout, read in a thread of its own; `error` is what ended the reading."""

    def __init__(self, client: Client, rollout_id: str) -> None:
        self._client = client
        self.rollout_id = rollout_id
        self.document: Json | None = None
        self.error: BaseException | None = None
        self.on_change: Callable[[Json], None] = lambda document: None
        self.until: Callable[[Json], bool] = lambda document: False
        self.thread = threading.Thread(target=self._guard, daemon=True)

    def start(self) -> threading.Thread:
        self.thread.start()
        return self.thread

    def result(self) -> Json:
        """The last document. Raises CliError when the connection broke before the end."""
        if self.error is not None:
            raise self.error
        if self.document is None or not (self.document["state"] == "finished" or self.until(self.document)):
            show = f"'sealane deployments show {self.rollout_id}'"
            words = f"the connection ended before the rollout did; it goes on: {show} tells how"
            raise CliError(words, Exit.UNAVAILABLE, "connection-lost")
        return self.document

    def _guard(self) -> None:
        try:
            for _, document in self._client.events(f"/api/v1/rollouts/{self.rollout_id}/watch"):
                self.document = document
                self.on_change(document)
                if self.until(document):
                    return
        except BaseException as error:
            self.error = error


def follow_rollout(client: Client, rollout_id: str, console: Console) -> Json:
    """Shows it until its end; answers with its last document. Raises CliError when the connection breaks."""
    follower = RolloutFollower(client, rollout_id)
    return _live(follower, console, whole) if console.is_terminal else _plain(follower, console, None)


def follow_deployment(client: Client, deployment: Json, console: Console) -> Json:
    """The same of one deployment of a rollout; answers with the deployment's last document."""
    follower = RolloutFollower(client, deployment["rollout_id"])
    follower.until = lambda document: _of(document, deployment["id"])["state"] == "finished"

    def draw(document: Json, frame: int) -> RenderableType:
        return Text("\n").join(deployment_view.deployment_lines(_of(document, deployment["id"]), frame))

    if console.is_terminal:
        return _of(_live(follower, console, draw), deployment["id"])
    return _of(_plain(follower, console, deployment["region"]), deployment["id"])


def _of(document: Json, deployment_id: str) -> Json:
    found = (each["deployment"] for each in document["placements"] if each["deployment_id"] == deployment_id)
    deployment: Json = next(each for each in found if each is not None)
    return deployment


def _live(follower: RolloutFollower, console: Console, draw: Draw) -> Json:
    thread = follower.start()
    with Live(console=console, refresh_per_second=FRAMES_PER_SECOND, transient=True) as live:
        frame = 0
        while thread.is_alive():
            waiting = Text.assemble(rollout_mark("requested", frame), f" waiting for rollout {follower.rollout_id}")
            live.update(draw(follower.document, frame) if follower.document else waiting)
            time.sleep(1 / FRAMES_PER_SECOND)
            frame += 1
    document = follower.result()
    console.print(draw(document, 0))
    return document


def _plain(follower: RolloutFollower, console: Console, region: str | None) -> Json:
    follower.on_change = teller(console, region)
    follower.start().join()
    document = follower.result()
    if region is None:
        console.print(title(document), soft_wrap=True)
    return document


def teller(console: Console, region: str | None = None) -> Callable[[Json], None]:
    """Prints what a document tells that those before it did not; of one region, or all."""
    said: set[tuple[Any, ...]] = set()

    def tell(document: Json) -> None:
        for key, line in news(document):
            known = (document["id"], *key)
            if known not in said and (region is None or key[0] == region):
                said.add(known)
                console.print(line, soft_wrap=True)

    return tell


def news(document: Json) -> Iterator[News]:
    """What a document tells, each with a key by which it is told once: the region (if any) comes first in it."""
    word = verdict(document)
    yield (
        ("", word, document["wave"]),
        Text.assemble(rollout_mark(word), f" {name_of(document)}: {word.replace('_', ' ')} {document['reason']}"),
    )
    if document["approval"] and document["approval"]["state"] == "pending":
        yield ("", "approval", document["approval"]["given"]), approval_line(document, document["approval"])
    for placement in document["placements"]:
        if placement["deployment"]:
            yield from _news_of(placement["deployment"])


def _news_of(deployment: Json) -> Iterator[News]:
    region, word = deployment["region"], deployment_view.verdict(deployment)
    head = Text.assemble("  ", deployment_view.deployment_mark(word), f" {region}: ")
    key = (region, deployment["id"], word)
    if word in ("waiting", "paused", "rolling_back"):
        yield (*key, deployment["reason"]), head + Text(f"{word.replace('_', ' ')}: {deployment['reason']}")
    elif deployment["finished_at"] or word == "watching":
        detail = f" {deployment['code']}: {deployment['detail']}" if deployment["code"] else ""
        yield key, head + Text(f"{word.replace('_', ' ')}{detail}")
    for shift in deployment["traffic"]:
        shares = ", ".join(f"{weight}% {name}" for name, weight in shift["weights"].items())
        yield (region, deployment["id"], shift["shifted_at"]), Text(f"    {region}: {shares}")
