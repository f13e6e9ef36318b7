"""From a field of the settings to its place in the file: the key path, walked down the tree as far as it was written.

Keys are the fields' names without their units, and a strategy or target names its kind in between.
"""

import re
from typing import Final

from core.delivery_file.language_strategy import VARIANTS as STRATEGIES
from core.delivery_file.language_target import VARIANTS as TARGETS
from core.environments.problems import SettingsProblem
from core.pipeline.nodes import Mapping, Node, Sequence, child_path
from core.pipeline.report import Report

_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_KINDS: Final = {key.name for record in (STRATEGIES, TARGETS) for key in record.keys}
_SPELLED: Final = {"freezes": "freeze", "hold_seconds": "for"}
_UNITS: Final = ("_seconds", "_bytes")
# What else a rule looks at: when that is wrong already, the rule has nothing to say.
_ABOUT: Final = {
    "recreate-refused": ("critical",),
    "rolling-stuck": ("target", "targets"),
    "strategy-unfit": ("target", "targets", "risk", "regions"),
    "regions-missing": ("regions",),
    "region-unknown": ("regions",),
    "region-without-wave": ("regions",),
    "baseline-missing": ("strategy",),
    "deadline-too-short": ("strategy",),
    "analysis-unseen": ("strategy", "target", "targets", "watch"),
    "target-without-instances": ("target", "targets", "regions"),
}
_WAY_OUT: Final = {
    "recreate-refused": "choose rolling, blue-green or canary",
    "strategy-unfit": "choose recreate or blue-green",
    "rolling-stuck": "give one of them at least 1",
    "weights-fall": "put the steps in the order of their weights",
    "weights-incomplete": "add '- weight: 100' at the end",
    "region-unknown": "add it to 'regions', or take it away here",
    "region-duplicate": "remove one",
    "region-without-wave": "add a wave with it",
    "check-unclear": "add 'metric: error-rate' or 'query', and not both",
    "check-boundless": "add 'max', 'min', 'compare' or 'budget'",
    "bounds-crossed": "exchange them",
    "baseline-missing": "use 'strategy: canary', whose baseline is then started",
    "budget-unfit": "use 'metric: error-rate', or a 'query'",
    "check-duplicate": "give it another name",
    "probe-duplicate": "give it another name",
    "deadline-too-short": "write a longer 'deadline', or shorten the strategy",
    "analysis-unseen": "hold the steps longer, sample more often, or set 'watch'",
    "target-without-instances": "remove it, or ask a Prometheus by 'query'",
}


def report_problem(found: SettingsProblem, environment: Mapping, path: str, broken: set[str], report: Report) -> None:
    """`found.path` begins at the environment; `broken` are its keys that are known to be wrong already."""
    parts = [int(index) if index else name for index, name in _PART.findall(found.path)]
    about = _ABOUT.get(found.code, ())
    node, place, root = _place(environment, path, parts)
    if not root:
        # It has its default: the place is that of what it does not go with.
        root = next((key for key in about if key in environment.values), "")
        node, place, _ = _place(environment, path, [root])
    if broken.isdisjoint((root, *about)):
        report.add(node, found.code, found.message, place, _WAY_OUT.get(found.code, ""))


def _place(environment: Mapping, path: str, parts: list[str | int]) -> tuple[Node, str, str]:
    """The node at the end, or the last one there is; its path; and the environment's key that it is below of."""
    here: Node = environment
    walked: list[str] = []
    if parts[0] == "analysis" and "analysis" not in environment.values:
        parts = ["strategy", "canary", *parts]
    for part in parts:
        for step in _steps(here, part):
            if isinstance(step, int):
                here, path = _item(here, step, path)
            elif isinstance(here, Mapping):
                here, path = here.values[step], child_path(path, step)
                walked.append(step)
    return here, path, walked[0] if walked else ""


def _steps(here: Node, part: str | int) -> tuple[str | int, ...]:
    """What to follow for one part of a field's path; nothing where the author did not write so far."""
    if isinstance(part, int):
        return (part,)
    if not isinstance(here, Mapping):
        return ()
    bare = next((part.removesuffix(unit) for unit in _UNITS if part.endswith(unit)), part)
    for name in (part, bare, _SPELLED.get(part, part)):
        if name in here.values:
            return (name,)
    kind = next((name for name in here.values if name in _KINDS), "")
    return (kind, *_steps(here.values[kind], part)) if kind else ()


def _item(here: Node, index: int, path: str) -> tuple[Node, str]:
    """One item may stand without the brackets of its list."""
    if isinstance(here, Sequence) and index < len(here.items):
        return here.items[index], f"{path}[{index}]"
    return here, path
