"""Follows a run until it ends: on a terminal a live picture with rollouts and the newest log lines, else lines."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from gateway.cli import rollout_view
from gateway.cli.client import Client
from gateway.cli.errors import CliError, Exit
from gateway.cli.rollout_live import FRAMES_PER_SECOND, RolloutFollower, teller
from gateway.cli.run_view import mark, notes, title, verdict, whole

Json = dict[str, Any]
LOG_LINES = 12
PREFIX_COLOURS = ("cyan", "magenta", "blue", "green", "yellow")


class Follower:
    """Holds what is known of one run: the newest document, the newest log lines, an error of a reader thread."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self.run_id = run_id
        self.document: Json | None = None
        self.lines: deque[Text] = deque(maxlen=LOG_LINES)
        self.error: BaseException | None = None
        self.rollouts: dict[str, RolloutFollower] = {}
        self.on_rollout: Callable[[Json], None] = lambda document: None
        self.on_line: Callable[[Text], None] = self.lines.append
        self.on_change: Callable[[Json], None] = lambda document: None

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._guard, args=(work,), daemon=True) for work in (self._watch, self._log)]
        for thread in threads:
            thread.start()
        return threads

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.error = error

    def _watch(self) -> None:
        for _, document in self._client.events(f"/api/v1/runs/{self.run_id}/watch"):
            self.document = document
            self.on_change(document)
            self._follow_rollouts(document)
        for rollout in self.rollouts.values():
            rollout.thread.join(timeout=2)

    def _follow_rollouts(self, document: Json) -> None:
        for stage in document["stages"]:
            rollout = stage["rollout"]
            if rollout and stage["state"] == "deploying" and rollout["id"] not in self.rollouts:
                follower = self.rollouts[rollout["id"]] = RolloutFollower(self._client, rollout["id"])
                follower.on_change = self.on_rollout
                follower.start()

    def _log(self) -> None:
        for line in run_log(self._client, self.run_id):
            self.on_line(log_line(line))


def run_log(client: Client, run_id: str) -> Iterator[Json]:
    """The lines of all jobs, and notices about them. An interrupted stream begins anew: what came is left out."""
    shown: dict[tuple[str, int], int] = {}
    for name, line in client.events(f"/api/v1/runs/{run_id}/logs/stream"):
        log = (line["job"], line["attempt"])
        if name == "line" and line["line"] <= shown.get(log, -1):
            continue
        if name == "line":
            shown[log] = line["line"]
        yield line


def log_line(line: Json) -> Text:
    """`job | text`, with the colours the step wrote; what a notice says about the log stands in brackets."""
    colour = PREFIX_COLOURS[sum(line["job"].encode()) % len(PREFIX_COLOURS)]
    text = Text.assemble((f"{line['job']:>14} ", colour), ("│ ", "dim"))
    body = Text.from_ansi(line["text"]) if "text" in line else Text(f"[{line['detail']}]", "yellow")
    body.stylize({"stderr": "yellow", "system": "dim"}.get(line.get("stream", ""), ""))
    return text.append_text(body)


def follow(
    client: Client, run_id: str, console: Console, beside: Callable[[], Sequence[RenderableType]] = tuple
) -> Json:
    """Shows the run until it ends, with its rollouts and what `beside` says; answers with its last document.

    Raises CliError when the connection breaks.
    """
    follower = Follower(client, run_id)
    return _follow_live(follower, console, beside) if console.is_terminal else _follow_plain(follower, console)


def _follow_live(follower: Follower, console: Console, beside: Callable[[], Sequence[RenderableType]]) -> Json:
    threads = follower.start()
    with Live(console=console, refresh_per_second=FRAMES_PER_SECOND, transient=True) as live:
        frame = 0
        while threads[0].is_alive():
            live.update(_picture(follower, frame, beside()))
            time.sleep(1 / FRAMES_PER_SECOND)
            frame += 1
    threads[1].join(timeout=2)
    document = _result(follower)
    console.print(whole(document))
    return document


def _picture(follower: Follower, frame: int, beside: Sequence[RenderableType]) -> RenderableType:
    if follower.document is None:
        return Text.assemble(mark("running", frame), f" waiting for run {follower.run_id}")
    rollouts = [each.document for each in list(follower.rollouts.values()) if each.document]
    live = [rollout_view.whole(each, frame) for each in rollouts if each["state"] != "finished"]
    run = whole(follower.document, frame, only_live=True)
    return Group(run, *live, *beside, Text(), *list(follower.lines))


def _follow_plain(follower: Follower, console: Console) -> Json:
    said: set[str] = set()

    def tell(document: Json) -> None:
        for stage in document["stages"]:
            news = f"{stage['name']}: {verdict(stage)}"
            if stage["state"] != "pending" and news not in said:
                said.add(news)
                console.print(Text.assemble(mark(verdict(stage)), " ", news))

    follower.on_line = lambda line: console.print(line, soft_wrap=True)
    follower.on_change = tell
    follower.on_rollout = teller(console)
    watch, log = follower.start()
    watch.join()
    log.join(timeout=5)
    document = _result(follower)
    console.print(title(document))
    for note in notes(document):
        console.print(note, soft_wrap=True)
    return document


def _result(follower: Follower) -> Json:
    if follower.error is not None:
        raise follower.error
    if follower.document is None or follower.document["state"] != "finished":
        raise CliError(
            f"the connection ended before the run did; it goes on: 'sealane show {follower.run_id}' tells how",
            Exit.UNAVAILABLE,
            "connection-lost",
        )
    return follower.document
