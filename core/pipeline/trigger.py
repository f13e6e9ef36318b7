"""Whether a pipeline's `trigger` section asks for a run here: branches, tags, paths, pull requests, people, clocks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from core.pipeline.globs import any_match
from core.pipeline.plan import Schedule
from core.trigger import Trigger


class Input(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that a person gives to a manual run. `type`: string, number, boolean or choice (one of `options`)."""

    type: str = "string"
    description: str = ""
    required: bool = False
    default: str | None = None
    options: tuple[str, ...] = ()


class TriggerSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """The trigger section. None means: not said. Globs are in the file's order, `!` negates, the last match wins."""

    branches: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    paths_ignore: tuple[str, ...] | None = None
    pull_requests: bool = False
    schedules: tuple[Schedule, ...] = ()
    inputs: dict[str, Input] = {}
    absent: bool = True


@dataclass(frozen=True)
class Match:
    """The trigger asks for a run."""


@dataclass(frozen=True)
class NoMatch:
    """It doesn't: `code` is stable and kebab-case, `reason` is for people."""

    code: str
    reason: str


def needs_paths(spec: TriggerSpec, trigger: Trigger) -> bool:
    """Whether the answer depends on the changed files: git must be asked where the forge did not say."""
    return trigger.source in ("push", "pull_request") and (spec.paths is not None or spec.paths_ignore is not None)


def matches(spec: TriggerSpec, trigger: Trigger, changed_paths: Iterable[str] | None = None) -> Match | NoMatch:
    """Whether this cause makes a run. `changed_paths` None: unknown, which matches every path filter."""
    if trigger.source in ("manual", "schedule"):
        return Match()
    refusal = _REFUSALS[trigger.source](spec, trigger)
    if refusal is None and needs_paths(spec, trigger) and changed_paths is not None:
        refusal = _paths_refusal(spec, tuple(changed_paths))
    return refusal or Match()


def _push_refusal(spec: TriggerSpec, trigger: Trigger) -> NoMatch | None:
    if spec.absent:
        return None
    if spec.branches is None:
        if spec.paths is not None or spec.paths_ignore is not None:
            return None
        return NoMatch("no-branches", "trigger has no 'branches', so pushes make no run")
    if any_match(spec.branches, trigger.branch):
        return None
    return NoMatch(
        "branch-not-listed", f"branch '{trigger.branch}' is not in trigger.branches ({_listed(spec.branches)})"
    )


def _tag_refusal(spec: TriggerSpec, trigger: Trigger) -> NoMatch | None:
    if spec.tags is None:
        return NoMatch("no-tags", "trigger has no 'tags', so tags make no run")
    if any_match(spec.tags, trigger.tag):
        return None
    return NoMatch("tag-not-listed", f"tag '{trigger.tag}' is not in trigger.tags ({_listed(spec.tags)})")


def _pull_request_refusal(spec: TriggerSpec, trigger: Trigger) -> NoMatch | None:
    if not spec.pull_requests:
        return NoMatch("no-pull-requests", "trigger does not say 'pull_requests: true'")
    if spec.branches is None or any_match(spec.branches, trigger.base_branch):
        return None
    reason = f"base branch '{trigger.base_branch}' is not in trigger.branches ({_listed(spec.branches)})"
    return NoMatch("branch-not-listed", reason)


_REFUSALS: dict[str, Callable[[TriggerSpec, Trigger], NoMatch | None]] = {
    "push": _push_refusal,
    "tag": _tag_refusal,
    "pull_request": _pull_request_refusal,
}


def _paths_refusal(spec: TriggerSpec, changed: tuple[str, ...]) -> NoMatch | None:
    if spec.paths is not None and not any(any_match(spec.paths, path) for path in changed):
        return NoMatch("paths-not-matched", f"no changed file is in trigger.paths ({_listed(spec.paths)})")
    ignored = spec.paths_ignore
    if ignored is not None and changed and all(any_match(ignored, path) for path in changed):
        return NoMatch("paths-ignored", f"all changed files are in trigger.paths_ignore ({_listed(ignored)})")
    return None


def _listed(globs: tuple[str, ...]) -> str:
    return ", ".join(globs[:5]) + (", ..." if len(globs) > 5 else "")
