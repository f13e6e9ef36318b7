"""Stages that wait for people: the newest wait of each stage, and every vote ever given."""

from core.runs.events import ApprovalDecided, ApprovalGiven, ApprovalRequested
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.runs import approval_votes, approvals
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("run")


@HANDLERS.on(ApprovalRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: ApprovalRequested = fact.message
    changes.put(
        approvals,
        run_id=fact.id,
        stage=message.stage,
        requested_version=fact.event.stream_version,
        state="pending",
        count=message.count,
        groups=as_json(message.groups),
        prevent_self_approval=message.prevent_self_approval,
        requested_at=fact.at,
        expires_at=message.expires_at,
    )


@HANDLERS.on(ApprovalGiven)
def given(fact: Fact, changes: Changes) -> None:
    message: ApprovalGiven = fact.message
    changes.put(
        approval_votes,
        run_id=fact.id,
        stage=message.stage,
        version=fact.event.stream_version,
        given_by=message.by,
        comment=message.comment,
        given_at=fact.at,
    )


@HANDLERS.on(ApprovalDecided)
def decided(fact: Fact, changes: Changes) -> None:
    message: ApprovalDecided = fact.message
    changes.set(
        approvals,
        (fact.id, message.stage),
        state=message.decision,
        decided_at=fact.at,
        decided_by=message.by,
        comment=message.comment,
    )
