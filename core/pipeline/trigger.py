"""Whether a pipeline's `trigger` section asks for a run here: branches, tags, paths, pull requests, people, clocks."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

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
    return Match()
