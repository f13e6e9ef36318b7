"""How a rollout looks in a terminal: where it goes, what it waits for, and each region's deployment."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gateway.cli.deployment_view import deployment_lines, deployment_mark, word_text
from gateway.cli.output import age, duration

Json = dict[str, Any]
_RUNNING = ("requested", "pre_deploy", "deploying", "baking", "aborting", "rolling_back", "watching")
_HALTED = ("halted", "paused")


def name_of(rollout: Json) -> str:
    return f"{rollout['app']}@{rollout['number']}"


def verdict(rollout: Json) -> str:
    return str(rollout["outcome"] or rollout["state"])


def rollout_mark(word: str, frame: int = 0) -> Text:
    if word in _RUNNING:
        return deployment_mark("running", frame)
    return deployment_mark("waiting" if word in _HALTED else word, frame)


def title(rollout: Json, frame: int = 0) -> Text:
    """`shop@5 canary of 14-abcdef12 to production  deploying  wave 1 of 2 ...`."""
    word = verdict(rollout)
    what = "rollback to" if rollout["kind"] == "rollback" else f"{rollout['strategy']} of"
    text = Text.assemble(rollout_mark(word, frame), " ", (name_of(rollout), "bold"), f" {what} ")
    text.append(rollout["release"]["id"], "bold").append(f" to {rollout['environment']}  ")
    text.append_text(word_text(word))
    took = duration(rollout["duration_seconds"]) if rollout["duration_seconds"] is not None else ""
    facts = [_wave(rollout), rollout["release"]["commit"][:10], took, f"by {rollout['by']}"]
    text.append("  " + "  ".join(fact for fact in facts if fact), "dim")
    return text


def _wave(rollout: Json) -> str:
    waves = len(rollout["waves"])
    return f"wave {rollout['wave'] + 1} of {waves}" if rollout["wave"] is not None and waves > 1 else ""


def whole(rollout: Json, frame: int = 0) -> RenderableType:
    """Everything, for `deployments show` and the live view."""
    lines: list[RenderableType] = [title(rollout, frame)]
    if rollout["release"]["title"]:
        lines.append(Text(f"  {rollout['release']['title']}", "italic"))
    lines += _notes(rollout)
    for region in _regions(rollout):
        lines += _region(rollout, region, frame)
    return Group(*lines)


def _notes(rollout: Json) -> Iterator[Text]:
    for word in (rollout["reason"], rollout["detail"]):
        if word:
            yield Text(f"  {word}", "yellow")
    if rollout["override_reason"]:
        yield Text(f"  goes through freezes: {rollout['override_reason']}", "bold yellow")
    approval = rollout["approval"]
    if approval and approval["state"] == "pending":
        yield approval_line(rollout, approval)
    for hook in rollout["hooks"]:
        yield from _hook(hook)
    if rollout["bake"]:
        yield from _bake(rollout["bake"])
    stop = rollout["halted"] or rollout["paused"]
    if rollout["state"] in _HALTED and stop:
        ends = f"; it ends {age(stop['until'])}" if stop["until"] else ""
        yield Text(f"  sealane resume '{name_of(rollout)}', or sealane abort '{name_of(rollout)}'{ends}", "dim")


def approval_line(rollout: Json, approval: Json) -> Text:
    who = f" of {', '.join(approval['groups'])}" if approval["groups"] else ""
    text = Text(f"  ⏸ waits for approval ({approval['given']}/{approval['count']}{who})", "magenta")
    text.append(f", expires {age(approval['expires_at'])}", "dim")
    text.append(f": sealane approve '{name_of(rollout)}'", "dim")
    return text


def _hook(hook: Json) -> Iterator[Text]:
    word = {"up": "before the first instance", "down": "to go back"}[hook["direction"]]
    yield Text.assemble("  ", deployment_mark(hook["state"]), f" {hook['run']}", (f"  {word}", "dim"))
    if hook["state"] == "failure":
        yield Text(f"      {hook['detail']}", "red")
        for line in hook["output"].splitlines()[-5:]:
            yield Text(f"      {line}", "dim")


def _bake(bake: Json) -> Iterator[Text]:
    counted = ", ".join(f"{region} {requests}" for region, requests in sorted(bake["requests"].items()))
    wanted = f" and {bake['min_requests']} requests in each region ({counted or 'none yet'})"
    yield Text(f"  bakes: the next wave {age(bake['until'])}{wanted if bake['min_requests'] else ''}", "cyan")


def _regions(rollout: Json) -> list[str]:
    """In the order of the waves."""
    named = [region for wave in rollout["waves"] for region in wave]
    return list(dict.fromkeys([*named, *(each["region"] for each in rollout["placements"])]))


def _region(rollout: Json, region: str, frame: int) -> Iterator[Text]:
    """Its newest deployment; an earlier one only says how it ended."""
    placements = [each for each in rollout["placements"] if each["region"] == region]
    for placement in placements[:-1]:
        yield _earlier(placement)
    if not placements:
        yield Text(f"  · {region:<12} not yet", "dim")
    elif placements[-1]["deployment"] is None:
        yield Text(f"  ◌ {region:<12} is asked for", "blue")
    else:
        yield from deployment_lines(placements[-1]["deployment"], frame)


def _earlier(placement: Json) -> Text:
    word = placement["outcome"] or "under way"
    back = " (back)" if placement["rollback"] else ""
    line = Text.assemble("  ", deployment_mark(word), f" {placement['region']:<12} ", word_text(word))
    detail = f"  {placement['code']}: {placement['detail']}" if placement["code"] else ""
    return line.append(f"  {placement['release_id']}{back}{detail}", "dim")
