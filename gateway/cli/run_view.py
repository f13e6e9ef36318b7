"""How a run looks in a terminal: title, DAG, steps, waits. Works on the run document of the API, as a dict."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gateway.cli.dag import Node, Picture
from gateway.cli.output import STATE_STYLE, duration

Json = dict[str, Any]
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARKS = {
    "success": "✓",
    "failure": "✗",
    "error": "✗",
    "invalid": "✗",
    "cancelled": "⊘",
    "rejected": "✗",
    "skipped": "↷",
    "ignored": "↷",
    "queued": "◌",
    "offered": "◌",
    "waiting": "⏸",
    "waiting_approval": "⏸",
    "waiting_environment": "⏸",
}


def verdict(thing: Json) -> str:
    """The one word for a run, stage, job or step: its outcome where it has one, else its state."""
    return str(thing.get("outcome") or thing["state"])


def mark(word: str, frame: int = 0) -> Text:
    glyph = SPINNER[frame % len(SPINNER)] if word in ("running", "deploying") else _MARKS.get(word, "·")
    return Text(glyph, style=STATE_STYLE.get(word, "dim"))


def elapsed(thing: Json) -> str:
    """Its duration; for what still runs, until now by this machine's clock."""
    if thing.get("finished_at") is None and thing.get("started_at"):
        then = datetime.fromisoformat(thing["started_at"])
        return duration(max(0.0, (datetime.now(UTC) - then).total_seconds()))
    return duration(thing["duration_seconds"]) if thing.get("duration_seconds") is not None else ""


def title(run: Json, frame: int = 0) -> Text:
    word = verdict(run)
    text = Text.assemble(mark(word, frame), " ", (f"{run['app']}#{run['number']}", "bold"), " ")
    text.append(word, style=STATE_STYLE.get(word, ""))
    place = run["branch"] or run["tag"] or run["ref"]
    facts = [place, run["commit"][:10], elapsed(run), run["region"], run["author"]]
    text.append("  " + "  ".join(fact for fact in facts if fact), style="dim")
    return text


def dag(run: Json, frame: int = 0) -> Picture:
    nodes = [
        Node(stage["name"], _stage_label(stage, frame), tuple(need["stage"] for need in stage["needs"]))
        for stage in run["stages"]
    ]
    return Picture(nodes)


def _stage_label(stage: Json, frame: int) -> Text:
    word = verdict(stage)
    text = Text.assemble(mark(word, frame), " ", (stage["name"], STATE_STYLE.get(word, "")))
    if len(stage["jobs"]) > 1:
        done = sum(job["state"] == "finished" for job in stage["jobs"])
        text.append(f" {done}/{len(stage['jobs'])}", style="dim")
    if took := elapsed(stage):
        text.append(f" {took}", style="dim")
    return text


def notes(run: Json) -> Iterator[Text]:
    """What a reader must know beyond the picture: reasons, problems, warnings, who must approve."""
    for word in (run["reason"], run["detail"]):
        if word:
            yield Text(f"  {word}", style="yellow")
    for problem in run["problems"]:
        yield problem_line(problem)
    for warning in run["warnings"]:
        yield Text(f"  warning: {warning}", style="dim yellow")
    for approval in run["approvals"]:
        if approval["state"] == "pending":
            yield _approval_line(run, approval)


def _approval_line(run: Json, approval: Json) -> Text:
    who = f" of {', '.join(approval['groups'])}" if approval["groups"] else ""
    text = Text(f"  ⏸ {approval['stage']} waits for approval ({approval['given']}/{approval['count']}{who})", "magenta")
    text.append(f": sealane approve '{run['app']}#{run['number']}' {approval['stage']}", style="dim")
    return text


def problem_line(problem: Json) -> Text:
    place = f"{problem.get('file', '.pipeline.yml')}:{problem['line']}:{problem['column']}"
    text = Text.assemble(("  " + place, "bold"), " ", problem["message"], (f" [{problem['code']}]", "dim"))
    if problem.get("path"):
        text.append(f" at {problem['path']}", style="dim")
    if problem.get("suggestion"):
        text.append(f"\n    {problem['suggestion']}", style="green")
    return text


def jobs(run: Json, frame: int = 0, only_live: bool = False) -> Iterator[Text]:
    """Each job with its steps."""
    for stage in run["stages"]:
        for job in stage["jobs"]:
            if only_live and job["state"] not in ("queued", "offered", "running"):
                continue
            yield from _job_lines(job, frame)
        if stage["rollout"] and not only_live:
            yield rollout_line(run, stage, frame)


def _job_lines(job: Json, frame: int) -> Iterator[Text]:
    word = verdict(job)
    line = Text.assemble("  ", mark(word, frame), " ", (job["name"], "bold"))
    facts = [elapsed(job), job["agent_id"] or "", f"attempt {job['attempt']}" if job["attempt"] > 1 else ""]
    line.append("  " + "  ".join(fact for fact in facts if fact), style="dim")
    if job["reason"]:
        line.append(f"  {job['reason']}", style="yellow")
    yield line
    for step in job["steps"]:
        yield _step_line(step, frame)


def rollout_line(run: Json, stage: Json, frame: int = 0) -> Text:
    """The rollout by which a stage deploys, in short, and how to see all of it."""
    rollout = stage["rollout"]
    word = verdict(rollout)
    line = Text.assemble("  ", mark(verdict(stage), frame), " ", (stage["name"], "bold"))
    line.append(f"  {rollout['strategy']} of {rollout['release_id']} to {rollout['environment']}: ")
    line.append(word.replace("_", " "), STATE_STYLE.get(word, ""))
    if rollout["reason"]:
        line.append(f"  {rollout['reason']}", "yellow")
    return line.append(f"  sealane deployments show '{run['app']}@{rollout['number']}'", "dim")


def _step_line(step: Json, frame: int) -> Text:
    word = verdict(step)
    line = Text.assemble("      ", mark(word, frame), " ", step["name"])
    if took := elapsed(step):
        line.append(f"  {took}", style="dim")
    if step["exit_code"]:
        line.append(f"  exit code {step['exit_code']}", style="red")
    if step["reason"]:
        line.append(f"  {step['reason']}", style="yellow")
    return line


def whole(run: Json, frame: int = 0, only_live: bool = False) -> RenderableType:
    """Everything, for `show` and the live view."""
    parts: list[RenderableType] = [title(run, frame)]
    if run["title"]:
        parts.append(Text(f"  {run['title']}", style="italic"))
    if run["stages"]:
        parts += [Text(), dag(run, frame), Text()]
        parts += jobs(run, frame, only_live)
    parts += notes(run)
    return Group(*parts)
