"""Attempts come into the queue, are offered, taken, refused, cancelled and released."""

from datetime import timedelta
from typing import Final

from core.aggregate import Rejected
from core.pools import commands as c
from core.pools import events as e
from core.pools.agents import leave_if_done
from core.pools.draft import Draft
from core.pools.schedule import explain
from core.pools.state import Lease

REFUSED_FOR: Final = timedelta(seconds=30)
MISSED_FOR: Final = timedelta(seconds=10)


def enqueue(draft: Draft, command: c.EnqueueJob) -> None:
    entry = command.entry
    if entry.attempt_key in draft.state.queue or entry.attempt_key in draft.state.leases:
        return
    draft.tell(e.JobEnqueued(entry=entry))
    explain(draft, entry.attempt_key)


def cancel(draft: Draft, command: c.CancelJob) -> None:
    key = command.attempt_key
    if key in draft.state.queue:
        draft.tell(e.JobDequeued(attempt_key=key))
        return
    lease = draft.state.leases.get(key)
    if lease is None:
        return
    if lease.accepted:
        draft.tell(
            e.LeaseCancelRequested(
                attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id, grace_seconds=command.grace_seconds
            )
        )
    else:
        _release(draft, key, lease)


def accept(draft: Draft, command: c.AcceptLease) -> None:
    lease = _current(draft, command.attempt_key, command.epoch, command.agent_id)
    if not lease.accepted:
        draft.tell(e.LeaseAccepted(attempt_key=command.attempt_key, epoch=lease.epoch, agent_id=lease.agent_id))


def refuse(draft: Draft, command: c.RefuseLease) -> None:
    lease = _current(draft, command.attempt_key, command.epoch, command.agent_id)
    if lease.accepted:
        raise Rejected("lease-accepted", f"agent {lease.agent_id} has accepted {command.attempt_key}; report its end")
    _return(draft, command.attempt_key, lease, command.reason, REFUSED_FOR)


def miss(draft: Draft, attempt_key: str) -> None:
    """The offer was not taken in time."""
    lease = draft.state.leases.get(attempt_key)
    if lease is not None and not lease.accepted:
        _return(draft, attempt_key, lease, "not-accepted", MISSED_FOR)


def _return(draft: Draft, attempt_key: str, lease: Lease, reason: str, pause: timedelta) -> None:
    draft.tell(
        e.LeaseReturned(
            attempt_key=attempt_key,
            epoch=lease.epoch,
            agent_id=lease.agent_id,
            reason=reason,
            retry_at=draft.now + pause,
        )
    )
    leave_if_done(draft, lease.agent_id)


def release(draft: Draft, command: c.ReleaseLease) -> None:
    lease = draft.state.leases.get(command.attempt_key)
    if lease is not None:
        _release(draft, command.attempt_key, lease)


def _release(draft: Draft, attempt_key: str, lease: Lease) -> None:
    draft.tell(e.LeaseReleased(attempt_key=attempt_key, epoch=lease.epoch, agent_id=lease.agent_id))
    leave_if_done(draft, lease.agent_id)


def _current(draft: Draft, attempt_key: str, epoch: int, agent_id: str) -> Lease:
    lease: Lease | None = draft.state.leases.get(attempt_key)
    if lease is None or lease.epoch != epoch or lease.agent_id != agent_id:
        holder = f"it is with {lease.agent_id} as epoch {lease.epoch}" if lease is not None else "nobody holds it"
        raise Rejected("stale-lease", f"agent {agent_id} has no lease {epoch} of {attempt_key}: {holder}")
    return lease
