"""`sealane topics plan|apply`: what the topics should be, what they are, and the way from one to the other."""

from typing import TYPE_CHECKING

import typer

from gateway.cli.context import AsJson
from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from infra.local.installation import with_running_servers
from infra.settings_command import settings_or_error

if TYPE_CHECKING:
    from infra.kafka.topics import TopicPlan

topics = typer.Typer(help="Kafka topics: compare with the settings, create what is missing.", no_args_is_help=True)


@topics.command("plan")
def plan_topics(as_json: AsJson = False) -> None:
    """Say what `apply` would do. Exit code 4 where something can't be repaired."""
    from infra.kafka.topics import look
    from infra.wiring.parts import topic_admin

    settings = with_running_servers(settings_or_error())
    todo = look(topic_admin(settings), settings.topology.topic_specs())
    _show(todo, as_json, "nothing to do: all topics are as the settings ask for")
    if todo.refusals:
        raise typer.Exit(Exit.REFUSED)


@topics.command("apply")
def apply_topics(as_json: AsJson = False) -> None:
    """Create topics, add partitions, set configs, place replicas by region. Never removes anything."""
    from infra.kafka.topics import TopicMismatch, apply
    from infra.wiring.parts import topic_admin

    settings = with_running_servers(settings_or_error())
    try:
        done = apply(topic_admin(settings), settings.topology.topic_specs())
    except TopicMismatch as error:
        raise CliError(str(error), Exit.REFUSED, error.code) from error
    _show(done, as_json, "nothing was to do")


def _show(todo: "TopicPlan", as_json: bool, nothing: str) -> None:
    if as_json:
        return print_json(
            {
                "steps": [str(step) for step in todo.steps],
                "refusals": [str(refusal) for refusal in todo.refusals],
                "unknown": list(todo.unknown),
            }
        )
    for step in todo.steps:
        console.print(f"+ {step}")
    for refusal in todo.refusals:
        console.print(f"! {refusal}", style="red")
    for name in todo.unknown:
        console.print(f"? {name} is not one of ours; left alone", style="dim")
    if todo.empty:
        console.print(nothing)
    return None
