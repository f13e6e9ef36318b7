"""The built-in actions of `uses` and their arguments."""

from typing import Final

from core.pipeline.kinds import INVALID, Text
from core.pipeline.lexer import OPENING
from core.pipeline.nodes import Mapping, child_path, quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.values import Section, Template

_ALIASES: Final = {"actions/checkout": "git-checkout", "checkout": "git-checkout", "git-clone": "git-checkout"}
_INSTEAD: Final = {
    "cache": "without a cache each job fetches what it needs; remove the step",
    "upload-artifact": "write small values to $OUTPUT, or upload with 'run: curl ...'",
    "download-artifact": "read stages.<name>.outputs, or download with 'run: curl ...'",
    "docker-build": "write 'run: docker build ...'",
    "notify": "write 'run: curl ...' in a stage with 'if: always()'",
}
NOT_YET: Final = tuple(_INSTEAD)
ACTIONS: Final = ("git-checkout", "deploy", *NOT_YET)
CHECKOUT: Final = {
    "depth": Text(None, 10, r"[0-9]{1,7}", "a number of commits (0: the whole history)", "bad-argument"),
    "path": Text(None, 1_000, what="a directory below the workspace", may_be_empty=False, code="bad-argument"),
    "submodules": Text(None, 10, r"true|false|recursive", "true, false or recursive", "bad-argument"),
}


def check_action(step: Section, report: Report) -> None:
    """Whether `uses` names something there is, and `with` what it takes."""
    action, path = step.get("uses"), step.path_of("uses")
    if action == "git-checkout":
        _check_checkout(step, report)
    elif action == "deploy":
        message = "'uses: deploy' is the last step of its stage, and its only deployment"
        report.add(
            step.place("uses"), "deploy-not-last", message, path, "move it to the end, or into a stage of its own"
        )
    elif action in _INSTEAD or action.startswith("./"):
        message = f"'uses: {action}' is part of the language, but is not available yet"
        hint = _INSTEAD.get(action, "write its commands as 'run' steps")
        report.add(step.place("uses"), "not-available-yet", message, path, hint)
    else:
        alias = _ALIASES.get(action.partition("@")[0])
        hint = f"did you mean '{alias}'?" if alias else did_you_mean(action, ACTIONS)
        message = f"unknown action {quoted(action)}; {hint}".rstrip("; ")
        report.add(step.place("uses"), "unknown-action", message, path, hint or f"known: {', '.join(ACTIONS)}")


def _check_checkout(step: Section, report: Report) -> None:
    node = step.node.values.get("with")
    for name, given in step.get("with", {}).items():
        path = child_path(step.path_of("with"), name)
        if name not in CHECKOUT:
            place = node.keys[name] if isinstance(node, Mapping) else step.place("with")
            hint = did_you_mean(name, CHECKOUT) or f"known arguments: {', '.join(CHECKOUT)}"
            message = f"git-checkout has no argument {quoted(name)}"
            report.add(place, "unknown-argument", message, path, hint)
        elif OPENING not in given.text and CHECKOUT[name].read(given.node, path, report) is not INVALID:
            check_directory(given if name == "path" else None, report)


def check_directory(given: Template | None, report: Report) -> None:
    """A directory of a step lies in the workspace, as far as it is written out."""
    if given is None or OPENING in given.text:
        return
    if _leaves(given.text):
        message = f"{quoted(given.text)} lies outside the workspace"
        report.add(given.node, "outside-workspace", message, given.path, "write a path below the workspace: 'app/src'")


def _leaves(path: str) -> bool:
    """Whether a path leads out of where it starts."""
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return path.startswith("/")
