"""A stage that deploys: once its jobs succeeded it asks for a rollout, and ends as that does.

running --(deploy requested)--> deploying --(accepted)--> deploying --(finished)--> ended
                                    `--(refused, no answer)--> ended

What speaks for a rollout names the round it was asked for in. One that is accepted too late (the run was cancelled,
or gave up waiting) is told to stop, so that nothing goes out that nobody watches.
"""

from datetime import timedelta
from typing import Final

import msgspec

from core.environments.release import Artifact, Release
from core.ids import derived_id
from core.pipeline.expressions import ExpressionError, evaluate_text
from core.pipeline.language_deploy import RELEASE_DIGEST, RELEASE_IMAGE
from core.pipeline.plan import ReleasePlan
from core.runs import commands as c
from core.runs import events as e
from core.runs.draft import Draft
from core.runs.expressions_context import context
from core.runs.spec import Outcome
from core.runs.state import RunState

ANSWER_TIMEOUT: Final = timedelta(minutes=10)
UNDONE_AFTER: Final = timedelta(minutes=15)
# Every event of its deployments holds it.
MAX_RELEASE_BYTES: Final = 16 * 1024
TIMEOUT: Final = "timeout"


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


def note_rollout(draft: Draft, command: c.NoteRollout) -> None:
    """The app accepted the rollout."""
    stage = draft.state.stages.get(command.stage)
    if stage is None or stage.rollout == command.rollout_id:
        return
    if stage.status != "deploying" or stage.rollout or draft.state.round != command.round:
        draft.tell(_cancel_request(draft, command.stage, command.rollout_id, "stage-over"))
        return
    plan = draft.state.stage_plan(command.stage).deploy
    assert plan is not None
    ends_by = draft.now + timedelta(seconds=plan.timeout_seconds) if plan.wait else None
    draft.tell(e.StageDeployAccepted(stage=command.stage, rollout_id=command.rollout_id, ends_by=ends_by))
    if not plan.wait:
        draft.tell(e.StageFinished(stage=command.stage, outcome="success"))


def finish_deploy(draft: Draft, command: c.FinishDeploy) -> None:
    """The rollout is over, or there was none."""
    stage = draft.state.stages.get(command.stage)
    if stage is None or stage.status != "deploying" or draft.state.round != command.round:
        return
    if stage.rollout and command.rollout_id != stage.rollout:
        return
    if command.rollout_id and not stage.rollout:
        draft.tell(e.StageDeployAccepted(stage=command.stage, rollout_id=command.rollout_id))
    outcome, code, detail = _verdict(draft.state, command)
    draft.tell(e.StageFinished(stage=command.stage, outcome=outcome, code=code, detail=detail))


def _verdict(state: RunState, command: c.FinishDeploy) -> tuple[Outcome, str, str]:
    stopped = state.stages[command.stage].stopping
    why = f"{command.code}: {command.detail}" if command.code and command.detail else command.detail or command.code
    match command.outcome:
        case "success":
            return "success", "", ""
        case "refused":
            return "failure", command.code, command.detail
        case "error":
            return "error", "deploy-error", why
        case "aborted" | "rolled_back" | "rejected" if stopped == TIMEOUT:
            return _timed_out(state, command.stage)
        case "aborted" | "rolled_back" | "rejected" if stopped:
            return "cancelled", "run-cancelled", ""
    return "failure", f"deploy-{command.outcome.replace('_', '-')}", why


def _timed_out(state: RunState, name: str) -> tuple[Outcome, str, str]:
    plan = state.stage_plan(name).deploy
    seconds = plan.timeout_seconds if plan is not None else 0
    return "failure", "deploy-timeout", f"rollout {state.stages[name].rollout} was aborted after {seconds} s"


def stop_deploy(draft: Draft, name: str, reason: str) -> None:
    """The rollout goes back, and the stage ends with it. One that nobody has accepted yet never happens."""
    stage = draft.state.stages[name]
    if stage.stopping:
        return
    if not stage.rollout:
        draft.tell(e.StageFinished(stage=name, outcome="cancelled", code="run-cancelled"))
        return
    draft.tell(_cancel_request(draft, name, stage.rollout, reason, waits=True))


def expire_deploy(draft: Draft, name: str) -> None:
    """Nobody answered; or the rollout takes too long; or it does not stop."""
    stage = draft.state.stages[name]
    if not stage.rollout:
        minutes = int(ANSWER_TIMEOUT.total_seconds() // 60)
        detail = f"nobody accepted the rollout within {minutes} minutes; do the processors of the first region run?"
        draft.tell(e.StageFinished(stage=name, outcome="error", code="deploy-unanswered", detail=detail))
    elif not stage.stopping:
        draft.tell(_cancel_request(draft, name, stage.rollout, TIMEOUT, waits=True))
    else:
        minutes = int(UNDONE_AFTER.total_seconds() // 60)
        detail = f"rollout {stage.rollout} was aborted, and had not ended {minutes} minutes later; look after it"
        outcome: Outcome = "failure" if stage.stopping == TIMEOUT else "cancelled"
        draft.tell(e.StageFinished(stage=name, outcome=outcome, code="unconfirmed", detail=detail))


def _cancel_request(
    draft: Draft, stage: str, rollout: str, reason: str, waits: bool = False
) -> e.StageDeployCancelRequested:
    deadline = draft.now + UNDONE_AFTER if waits else None
    return e.StageDeployCancelRequested(stage=stage, rollout_id=rollout, reason=reason, deadline_at=deadline)
