"""Rollouts that wait for people, and every vote ever given."""

from core.rollouts.events import RolloutApprovalDecided, RolloutApprovalGiven, RolloutApprovalRequested
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.rollouts import rollout_approvals, rollout_votes, rollouts
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("rollout")


@HANDLERS.on(RolloutApprovalRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: RolloutApprovalRequested = fact.message
    changes.set(rollouts, (fact.id,), state="waiting_approval")
    changes.put(
        rollout_approvals,
        rollout_id=fact.id,
        state="pending",
        count=message.count,
        groups=as_json(message.groups),
        prevent_self_approval=message.prevent_self_approval,
        requested_at=fact.at,
        expires_at=message.expires_at,
    )


@HANDLERS.on(RolloutApprovalGiven)
def given(fact: Fact, changes: Changes) -> None:
    message: RolloutApprovalGiven = fact.message
    changes.put(
        rollout_votes,
        rollout_id=fact.id,
        version=fact.event.stream_version,
        given_by=message.by,
        comment=message.comment,
        given_at=fact.at,
    )


@HANDLERS.on(RolloutApprovalDecided)
def decided(fact: Fact, changes: Changes) -> None:
    message: RolloutApprovalDecided = fact.message
    if message.decision == "granted":
        changes.set(rollouts, (fact.id,), state="deploying")
    changes.set(
        rollout_approvals,
        (fact.id,),
        state=message.decision,
        decided_at=fact.at,
        decided_by=message.by,
        comment=message.comment,
    )
