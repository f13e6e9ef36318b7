"""A stage that deploys: once its jobs succeeded it asks for a rollout, and ends as that does.

running --(deploy requested)--> deploying --(accepted)--> deploying --(finished)--> ended
                                    `--(refused, no answer)--> ended

What is heard of the rollout: rollout_notes.py.
"""

from datetime import timedelta
from typing import Final

import msgspec

from core.environments.release import Artifact, Release
from core.ids import derived_id
from core.pipeline.expressions import ExpressionError, evaluate_text
from core.pipeline.language_deploy import RELEASE_DIGEST, RELEASE_IMAGE
from core.pipeline.plan import ReleasePlan
from core.runs import events as e
from core.runs.draft import Draft
from core.runs.expressions_context import context
from core.runs.state import RunState

ANSWER_TIMEOUT: Final = timedelta(minutes=10)
UNDONE_AFTER: Final = timedelta(minutes=15)
# Every event of its deployments holds it.
MAX_RELEASE_BYTES: Final = 16 * 1024


def request_deploy(draft: Draft, name: str) -> None:
    """The stage's jobs have all succeeded. Where the release can't be made out, the stage fails."""
    state, plan = draft.state, draft.state.stage_plan(name).deploy
    assert plan is not None
    try:
        release = release_of(state, plan.release)
    except ExpressionError as error:
        draft.tell(e.StageFinished(stage=name, outcome="failure", code=error.code, detail=error.message))
        return
    draft.tell(
        e.StageDeployRequested(
            app=state.app,
            stage=name,
            round=state.round,
            environment=plan.environment,
            regions=plan.regions,
            strategy=plan.strategy,
            release=release,
            by=state.asked_by,
            automatic=state.automatic,
            answer_by=draft.now + ANSWER_TIMEOUT,
        )
    )


def release_of(state: RunState, plan: ReleasePlan | None) -> Release:
    """The run's release: the same content for every stage that says the same. Raises ExpressionError."""
    artifact = Artifact("tree", f"git:{state.commit}", state.repository_url)
    config: dict[str, str] = {}
    number = f"{state.number}-{state.commit[:8]}"
    if plan is not None:
        known = context(state, "success")
        config = {name: evaluate_text(text, known) for name, text in plan.config.items()}
        if plan.image:
            artifact = Artifact("image", evaluate_text(plan.digest, known), evaluate_text(plan.image, known))
            _check_image(artifact)
        parts = (artifact.digest, artifact.location, *(f"{key}={config[key]}" for key in sorted(config)))
        number += f"-{derived_id('content', *parts)[:8]}"
    release = Release(number, state.app, artifact, state.commit, state.id, state.author, state.title[:200], config)
    size = len(msgspec.json.encode(release))
    if size > MAX_RELEASE_BYTES:
        message = f"the release takes {size:,} bytes, at most {MAX_RELEASE_BYTES:,} are allowed; shorten its config"
        raise ExpressionError("release-too-large", message)
    return release


def _check_image(artifact: Artifact) -> None:
    for text, kind in ((artifact.location, RELEASE_IMAGE), (artifact.digest, RELEASE_DIGEST)):
        if problem := kind.problem(text):
            raise ExpressionError(kind.code, f"the stage's release: {problem}")


def stop_deploy(draft: Draft, name: str, reason: str) -> None:
    """The rollout goes back, and the stage ends with it. One that nobody has accepted yet never happens."""
    stage = draft.state.stages[name]
    if stage.stopping:
        return
    if not stage.rollout:
        draft.tell(e.StageFinished(stage=name, outcome="cancelled", code="run-cancelled"))
        return
    draft.tell(cancel_request(draft, name, stage.rollout, reason, waits=True))


def cancel_request(
    draft: Draft, stage: str, rollout: str, reason: str, waits: bool = False
) -> e.StageDeployCancelRequested:
    """`waits`: the stage ends with the rollout, and is given time for that."""
    deadline = draft.now + UNDONE_AFTER if waits else None
    return e.StageDeployCancelRequested(stage=stage, rollout_id=rollout, reason=reason, deadline_at=deadline)
