"""Refusals that name what was probably meant."""

from difflib import get_close_matches

from core.aggregate import Rejected
from core.runs.state import RunState


def stage_unknown(state: RunState, name: str) -> Rejected:
    near = get_close_matches(name[:100], list(state.stages), n=3)
    hint = f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else ""
    return Rejected("stage-unknown", f"run {state.id} has no stage '{name[:100]}'{hint}")
