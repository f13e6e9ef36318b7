"""Commands that look at the platform: agents, queue, deliveries, events, status."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_done, print_facts, print_json, print_rows

Json = dict[str, Any]
agents = typer.Typer(help="Build agents and the queue they serve.", invoke_without_command=True)
deliveries = typer.Typer(help="Webhook deliveries and what became of each.", invoke_without_command=True)
events = typer.Typer(help="The audit trail: every event.", invoke_without_command=True)
# Where somebody went past a rule on purpose.
_MARKED = ("environment.freeze_overridden",)
_MISSED = 200
_REMEMBERED = 5000
Limit = Annotated[int, typer.Option(help="How many.", min=1, max=200)]


@agents.callback()
def list_agents(context: typer.Context, as_json: AsJson = False) -> None:
    """List agents; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/agents", limit=200)
    if as_json:
        return print_json(page)
    columns = [
        ("AGENT", "id"),
        ("STATE", "state"),
        ("REGION", "region"),
        ("POOL", "pool"),
        ("SLOTS", "slots"),
        ("BUSY", "busy"),
        ("LABELS", "labels"),
        ("ISOLATION", "isolation"),
        ("SEEN", "last_seen_at"),
    ]
    print_rows(page["items"], columns, "no agents: 'sealane agent --region R --pool P' starts one")


@agents.command()
def queue(as_json: AsJson = False) -> None:
    """What waits for an agent, and why."""
    page = client().get("/api/v1/queue", limit=200)
    if as_json:
        return print_json(page)
    columns = [
        ("#", "position"),
        ("APP", "app"),
        ("ATTEMPT", "attempt_key"),
        ("POOL", "pool"),
        ("REGION", "region"),
        ("STATE", "state"),
        ("WAITS SINCE", "queued_at"),
        ("WHY", "reason"),
    ]
    print_rows(page["items"], columns, "the queue is empty")


@agents.command()
def drain(
    region: Annotated[str, typer.Argument(help="The agent's region.")],
    pool: Annotated[str, typer.Argument(help="The agent's pool.")],
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    as_json: AsJson = False,
) -> None:
    """Give an agent no new jobs; it leaves when its last one ends."""
    answer = client().post(f"/api/v1/pools/{region}/{pool}/agents/{quote(agent)}/drain")
    print_done(answer, as_json, f"agent {agent} is draining")


@deliveries.callback()
def list_deliveries(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List deliveries, newest first; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/deliveries", limit=limit)
    if as_json:
        return print_json(page)
    columns = [
        ("DELIVERY", "id"),
        ("FORGE", "forge"),
        ("EVENT", "event"),
        ("APPS", "apps"),
        ("BECAME", "became"),
        ("RECEIVED", "received_at"),
    ]
    print_rows([item | {"became": _became(item)} for item in page["items"]], columns, "no deliveries yet")


def _became(delivery: Json) -> str:
    results = [_result(result) for result in delivery["results"]]
    return "; ".join(results) or delivery["state"]


def _result(result: Json) -> str:
    if result["run_id"] and not result["code"]:
        word = result["run_outcome"] or result["run_state"] or ""
        detail = f": {result['detail']}" if result["detail"] else ""
        # The run itself follows its acceptance within moments.
        name = f"{result['app']}#{result['number']}" if result["number"] else result["run_id"]
        return f"{name} {word}{detail}"
    return f"{result['code']}: {result['detail']}"


@deliveries.command()
def redeliver(delivery: Annotated[str, typer.Argument(help="The delivery's id.")], as_json: AsJson = False) -> None:
    """Replay a delivery as it was received."""
    answer = client().post(f"/api/v1/deliveries/{quote(delivery, safe='')}/redeliver")
    print_done(answer, as_json, f"replayed as {answer['delivery_id']}: 'sealane deliveries' says what becomes of it")


@events.callback()
def list_events(
    context: typer.Context,
    stream: Annotated[str | None, typer.Option(help="Only this stream, e.g. run/<id>.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only this type, e.g. job.started.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List events, newest first; `events tail` follows them."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/events", stream=stream, type=kind, limit=limit)
    if as_json:
        return print_json(page)
    for event in reversed(page["items"]):
        _print_event(event)


@events.command()
def tail(
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    last: Annotated[int, typer.Option(help="Begin with this many earlier events.", min=0, max=200)] = 10,
    as_json: AsJson = False,
) -> None:
    """Follow the audit trail live."""
    connection = client()
    shown = _Shown(print_json if as_json else _print_event)

    def earlier() -> None:
        """What was before the stream began; after an interruption, what may have been missed."""
        limit = _MISSED if shown.any else last
        if limit:
            page = connection.get("/api/v1/events", stream=stream, type=kind, limit=limit)
            shown.show(reversed(page["items"]))

    for name, event in connection.events("/api/v1/events/tail", earlier, stream=stream, type=kind):
        if name == "overrun":
            words = f"{event['detail']}; 'sealane events' lists what is missing"
            raise CliError(words, Exit.UNAVAILABLE, "too-slow")
        shown.show([event])


class _Shown:
    """Shows each event once."""

    def __init__(self, show: Callable[[Json], None]) -> None:
        self._show = show
        self._ids: OrderedDict[str, None] = OrderedDict()

    @property
    def any(self) -> bool:
        return bool(self._ids)

    def show(self, events: Iterable[Json]) -> None:
        for event in events:
            if event["event_id"] not in self._ids:
                self._ids[event["event_id"]] = None
                self._show(event)
        while len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)


def _print_event(event: Json) -> None:
    time = event["recorded_at"][11:23]
    style = "bold red" if event["type"] in _MARKED else "cyan"
    console.print(
        f"[dim]{time}[/dim] [{style}]{event['type']:<26}[/{style}] {event['stream']} [dim]v{event['stream_version']}"
        f" by {event['actor']} at {event['position']} chain {event['chain'][:12]}[/dim]",
        soft_wrap=True,
    )


def status(as_json: AsJson = False) -> None:
    """Is it up: version, regions, lag, what runs and what waits."""
    system = client().get("/api/v1/system")
    if as_json:
        return print_json(system)
    return print_facts(system)
