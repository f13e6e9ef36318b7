"""`sealane subscriptions`: who is told of what happens by webhook, Slack or e-mail, and what became of it."""

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.client import Client
from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_done, print_facts, print_json, print_rows

Json = dict[str, Any]
subscriptions = typer.Typer(
    help="Notifications: webhooks, Slack and e-mail, and their delivery log.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(help="The subscription's name.")]
Delivery = Annotated[str, typer.Argument(help="The delivery's id (msg_...).")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only these events, as 'service.*'; repeat for more; default: all.")
]
Apps = Annotated[list[str] | None, typer.Option("--app", help="Only these apps (globs); default: all.")]
Environments = Annotated[
    list[str] | None, typer.Option("--environment", help="Only what belongs to these environments (globs).")
]
Url = Annotated[str | None, typer.Option(help="Where a webhook is posted to.")]
UrlSecret = Annotated[str | None, typer.Option(help="The secret of the settings that holds the URL (Slack's always).")]
Address = Annotated[str | None, typer.Option(help="Where an e-mail goes.")]
SigningSecret = Annotated[str | None, typer.Option(help="The secret of the settings that signs; default: our own.")]
_TEST_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


@subscriptions.callback()
def list_subscriptions(context: typer.Context, as_json: AsJson = False) -> None:
    """List subscriptions; with a subcommand, do that."""
    if context.invoked_subcommand is None:
        _list(as_json)


@subscriptions.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List subscriptions."""
    _list(as_json)


def _list(as_json: bool) -> None:
    page = client().get("/api/v1/subscriptions")
    if as_json:
        return print_json(page)
    columns = [
        ("SUBSCRIPTION", "name"),
        ("KIND", "kind"),
        ("STATE", "state"),
        ("TO", "to"),
        ("TYPES", "types"),
        ("APPS", "apps"),
        ("ENVIRONMENTS", "environments"),
        ("WAIT", "pending"),
        ("LAST", "last_outcome"),
        ("AT", "last_attempt_at"),
    ]
    hint = "no subscriptions: 'sealane subscriptions create NAME --kind webhook --url URL'"
    return print_rows([item | {"to": _goal(item)} for item in page["items"]], columns, hint)


def _goal(item: Json) -> str:
    return item["url"] or item["address"] or f"(secret {item['url_secret']})"


@subscriptions.command()
def create(
    name: Name,
    kind: Annotated[str, typer.Option(help="webhook, slack or email.")] = "webhook",
    url: Url = None,
    url_secret: UrlSecret = None,
    address: Address = None,
    signing_secret: SigningSecret = None,
    types: Types = None,
    apps: Apps = None,
    environments: Environments = None,
    as_json: AsJson = False,
) -> None:
    """Tell somebody of what happens from now on."""
    body = _body(url, url_secret, address, signing_secret, types, apps, environments)
    connection = client()
    answer = connection.post("/api/v1/subscriptions", {"name": name, "kind": kind, **body})
    words = f"subscription {name} is created; 'sealane subscriptions test {name}' tries it"
    if kind == "webhook" and not signing_secret:
        words += f"\nits receiver verifies with: {connection.get(_path(name, 'secret'))['secret']}"
    print_done(answer, as_json, words)


@subscriptions.command()
def update(
    name: Name,
    url: Url = None,
    url_secret: UrlSecret = None,
    address: Address = None,
    signing_secret: SigningSecret = None,
    types: Types = None,
    apps: Apps = None,
    environments: Environments = None,
    as_json: AsJson = False,
) -> None:
    """Change where to or what is wanted; what is not named stays. An empty text takes a value away."""
    answer = client().patch(_path(name), _body(url, url_secret, address, signing_secret, types, apps, environments))
    print_done(answer, as_json, f"subscription {name} {'is changed' if answer['changed'] else 'was so already'}")


def _body(
    url: str | None,
    url_secret: str | None,
    address: str | None,
    signing_secret: str | None,
    types: list[str] | None,
    apps: list[str] | None,
    environments: list[str] | None,
) -> Json:
    texts = {"url": url, "url_secret": url_secret, "address": address, "signing_secret": signing_secret}
    lists = {"types": types, "apps": apps, "environments": environments}
    named = {key: [each for each in value if each] for key, value in lists.items() if value}
    return {key: value for key, value in texts.items() if value is not None} | named


@subscriptions.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one subscription."""
    found = client().get(_path(name))
    print_json(found) if as_json else print_facts(found)


@subscriptions.command()
def secret(
    name: Name,
    rotate: Annotated[bool, typer.Option(help="Sign with a new one from now on.")] = False,
    keep_old: Annotated[int, typer.Option(help="Seconds for which the old one signs too.", min=0)] = 86_400,
    as_json: AsJson = False,
) -> None:
    """The secret that a webhook's receiver verifies with."""
    connection = client()
    if rotate:
        connection.post(_path(name, "secret", "rotate"), {"keep_old_seconds": keep_old})
    found = connection.get(_path(name, "secret"))
    print_json(found) if as_json else print_facts({key: value for key, value in found.items() if value})


@subscriptions.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Begin to send again."""
    print_done(client().post(_path(name, "enable")), as_json, f"subscription {name} is enabled")


@subscriptions.command()
def disable(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for those who wonder later.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send nothing any more; what waits is dropped, on record."""
    answer = client().post(_path(name, "disable"), {"reason": reason})
    print_done(answer, as_json, f"subscription {name} is disabled")


@subscriptions.command("test")
def send_test(name: Name, as_json: AsJson = False) -> None:
    """Send an event that says that it is a test, and wait for what becomes of it."""
    connection = client()
    _follow(connection, connection.post(_path(name, "test")), 0, as_json)


@subscriptions.command()
def redeliver(name: Name, delivery: Delivery, as_json: AsJson = False) -> None:
    """Deliver it (again) now, under the same id, and wait for what becomes of it."""
    connection = client()
    path = _path(name, "deliveries", delivery)
    attempts = len(connection.get(path)["log"])
    _follow(connection, connection.post(f"{path}/redeliver"), attempts, as_json)


def _follow(connection: Client, sending: Json, attempts: int, as_json: bool) -> None:
    """Until there are more than so many attempts. Fails unless the last of them delivered it."""
    path = _path(sending["subscription"], "deliveries", sending["id"])
    deadline = time.monotonic() + _TEST_SECONDS
    while len((found := connection.get(path))["log"]) <= attempts:
        if time.monotonic() > deadline:
            words = f"no attempt of {sending['id']} ended within {_TEST_SECONDS:g} s: does a worker run?"
            raise CliError(words, Exit.UNAVAILABLE, "delivery-pending")
        time.sleep(_PAUSE_SECONDS)
    last = found["log"][-1]
    if as_json:
        print_json(found)
    if last["outcome"] == "delivered":
        return None if as_json else console.print(f"{found['id']} is delivered ({last['status']})", soft_wrap=True)
    again = f"; it is tried again at {found['next_at']}" if found["next_at"] else ""
    raise CliError(f"not delivered: {last['detail']}{again}", Exit.REFUSED, last["code"])


@subscriptions.command()
def deliveries(
    name: Name,
    delivery: Annotated[str, typer.Argument(help="One delivery: show it with every attempt.")] = "",
    state: Annotated[str | None, typer.Option(help="pending, delivered, failed or dropped.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """The delivery log, newest first."""
    if delivery:
        return _show_delivery(name, delivery, as_json)
    page = client().get(_path(name, "deliveries"), state=state, limit=limit)
    if as_json:
        return print_json(page)
    columns = [
        ("DELIVERY", "id"),
        ("STATE", "state"),
        ("TRIED", "attempts"),
        ("STATUS", "status"),
        ("NEXT", "next_at"),
        ("QUEUED", "queued_at"),
        ("WHAT", "title"),
        ("WHY NOT", "detail"),
    ]
    return print_rows(page["items"], columns, f"nothing was to be told to {name} yet")


def _show_delivery(name: str, delivery: str, as_json: bool) -> None:
    found = client().get(_path(name, "deliveries", delivery))
    if as_json:
        return print_json(found)
    print_facts({key: value for key, value in found.items() if key not in ("event", "log")})
    columns = [("#", "attempt"), ("ENDED", "at"), ("OUTCOME", "outcome"), ("STATUS", "status"), ("DETAIL", "detail")]
    return print_rows(found["log"], columns, "not tried yet")


def _path(name: str, *parts: str) -> str:
    return "/".join(("/api/v1/subscriptions", *(quote(part, safe="") for part in (name, *parts))))
