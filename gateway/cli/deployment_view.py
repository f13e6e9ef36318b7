"""How a deployment looks in a terminal: weights as bars, steps, samples as sparklines. Works on the API's documents."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from gateway.cli.bars import share_bar, sparkline
from gateway.cli.output import STATE_STYLE, duration
from gateway.cli.run_view import mark

Json = dict[str, Any]
SHOWN_POINTS = 40
_MARKS = {
    "moving": "running",
    "holding": "running",
    "rolling_back": "running",
    "watching": "success",
    "requested": "queued",
    "rolled_back": "failure",
    "breached": "failure",
    "aborted": "cancelled",
    "error": "error",
}
_STEP_MARKS = {"done": "✓", "skipped": "↷", "pending": "·"}
_RESULT_STYLE = {"passed": "green", "failed": "bold red", "error": "red", "inconclusive": "yellow", "pending": "dim"}


def verdict(deployment: Json) -> str:
    """The one word: while it is watched it is done, and may still be found at fault."""
    if deployment["state"] == "finished" and deployment["watch_ended"] == "breach":
        return "breached"
    if deployment["state"] == "finished":
        return str(deployment["outcome"])
    return str(deployment["state"])


def deployment_mark(word: str, frame: int = 0) -> Text:
    return mark(_MARKS.get(word, word), frame)


def word_text(word: str) -> Text:
    return Text(word.replace("_", " "), STATE_STYLE.get(_MARKS.get(word, word), ""))


def deployment_lines(deployment: Json, frame: int = 0) -> Iterator[Text]:
    """Everything a person at the wheel looks at."""
    word = verdict(deployment)
    line = Text.assemble("  ", deployment_mark(word, frame), " ", (f"{deployment['region']:<12}", "bold"), " ")
    line.append_text(word_text(word))
    line.append(f"  {_facts(deployment)}", "dim")
    yield line
    if deployment["reason"]:
        yield Text(f"      {deployment['reason']}", "yellow")
    if deployment["steps"] and deployment["state"] not in ("requested", "waiting"):
        yield _steps(deployment)
    yield from _sets(deployment)
    for check in deployment["checks"]:
        if check["points"]:
            yield _check(check)
    yield from _ending(deployment)


def _facts(deployment: Json) -> str:
    facts = [
        deployment["release"]["id"],
        f"instead of {deployment['current']}" if deployment["current"] else "",
        _waits(deployment),
        _took(deployment),
        deployment["address"],
    ]
    return "  ".join(fact for fact in facts if fact)


def _took(deployment: Json) -> str:
    """Nothing for one that was refused before it began."""
    seconds = deployment["duration_seconds"]
    return duration(seconds) if deployment["finished_at"] and seconds is not None else ""


def _waits(deployment: Json) -> str:
    if deployment["state"] == "watching":
        return f"watched for {_left(deployment['watch_until'])}"
    if deployment["hold_until"] and deployment["state"] == "holding":
        return f"{_left(deployment['hold_until'])} left"
    if deployment["answer_by"] and deployment["state"] in ("moving", "rolling_back"):
        return f"the target has {_left(deployment['answer_by'])}"
    if deployment["deadline_at"] and deployment["state"] == "waiting":
        return f"waits for {_left(deployment['deadline_at'])} at the longest"
    return ""


def _left(until: str) -> str:
    return duration(max(0.0, (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds()))


def _steps(deployment: Json) -> Text:
    text = Text("      ")
    for step in deployment["steps"]:
        glyph = _STEP_MARKS.get(step["state"], "▸")
        style = {"done": "green", "moving": "cyan", "holding": "bold cyan"}.get(step["state"], "dim")
        text.append(f"{glyph} {step['name']}  ", style)
    return text


def _sets(deployment: Json) -> Iterator[Text]:
    """The share of each set; of one that has none and runs nothing there is nothing to say."""
    shown = {each["name"]: each for each in deployment["sets"]}
    for name in dict.fromkeys((*deployment["weights"], *shown)):
        now = shown.get(name)
        weight = deployment["weights"].get(name, 0)
        if not weight and not (now and now["running"]):
            continue
        new = name == deployment["release"]["id"]
        yield _set(name, weight, now, new, (deployment["requests"] or 0) if new else 0)


def _set(name: str, weight: int, now: Json | None, new: bool, sampled: int) -> Text:
    """`sampled`: requests as of the newest sample, which is later than what the target said of itself."""
    line = Text("      ").append_text(share_bar(weight, style="green" if new else "blue"))
    line.append(f" {weight:>3}%  ", "bold")
    line.append(f"{name:<20}", "" if new else "dim")
    if now is None:
        return line
    line.append(f"  {now['ready']}/{now['running']} ready", "" if now["ready"] == now["running"] else "yellow")
    if now["restarts"]:
        line.append(f"  {now['restarts']} restarts", "red")
    if requests := max(now["requests"] or 0, sampled):
        line.append(f"  {requests} requests", "dim")
    return line


def _check(check: Json) -> Text:
    points = check["points"][-SHOWN_POINTS:]
    styles = [_RESULT_STYLE.get(point["result"], "") for point in points]
    line = Text(f"      {check['name']:<16} ").append_text(
        sparkline([point["value"] for point in points], styles, check["max"])
    )
    last = points[-1]
    said = quantity(check, last["value"]) if last["value"] is not None else last["detail"] or last["outcome"]
    line.append(f"  {said}", styles[-1])
    line.append(_limits(check), "dim")
    if last["baseline"] is not None:
        line.append(f"  baseline {quantity(check, last['baseline'])}", "dim")
    return line


def _limits(check: Json) -> str:
    most = [f"max {quantity(check, check['max'])}"] if check["max"] is not None else []
    least = [f"min {quantity(check, check['min'])}"] if check["min"] is not None else []
    return f" ({', '.join([*least, *most])})" if least or most else ""


def quantity(check: Json, value: float) -> str:
    """In the unit of the metric; a query's own answer as it is."""
    metric = check["metric"]
    if metric == "error-rate":
        return f"{value * 100:.3g}%"
    if metric.startswith("latency"):
        return f"{value * 1000:.4g} ms" if value < 1 else f"{value:.3g} s"
    if metric == "memory":
        return f"{value / (1 << 20):.4g} MiB"
    return f"{value:.4g}"


def _ending(deployment: Json) -> Iterator[Text]:
    rollback = deployment["rollback"]
    if rollback:
        back = f", back to {rollback['to']}" if rollback["to"] else ""
        yield Text(f"      ✗ {rollback['code']}: {rollback['detail']}{back}", "red")
    elif deployment["outcome"] not in (None, "success"):
        yield Text(f"      ✗ {deployment['code']}: {deployment['detail']}", "red")
    failed = [action for action in deployment["actions"] if action["failed_at"]]
    if failed and not deployment["finished_at"]:
        yield Text(f"      the target: {failed[-1]['code']}: {failed[-1]['detail']}", "yellow")
