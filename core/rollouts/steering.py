"""Telling the deployments under way what their rollout wants of them."""

from datetime import timedelta
from typing import Final, Literal

from core.rollouts import events as e
from core.rollouts.draft import Draft

# Nothing waits for ever, not even for people.
STOP_LIMIT: Final = timedelta(days=7)


def steer(
    draft: Draft, what: Literal["pause", "resume", "promote", "promote_full", "abort"], by: str, reason: str = ""
) -> None:
    """The deployments under way are told, if there are any. What already goes back is left alone."""
    state = draft.state
    under_way = tuple((name, state.regions[name].deployment_id) for name in state.of("running"))
    if under_way:
        draft.tell(e.DeploymentsSteered(what=what, deployments=under_way, by=by, reason=reason))
