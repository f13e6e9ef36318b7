"""The way of an attempt through the pool.

queued --LeaseGranted--> offered --LeaseAccepted--> accepted --LeaseReleased | LeaseLost--> gone
   ^                        |
   `-----LeaseReturned------'  not accepted within 10 s, refused, or its agent is gone

Each offer has a new epoch. Who answers an offer that is no longer his is refused with `stale-lease`.
"""

from datetime import timedelta
from typing import Final

from core.aggregate import Rejected
from core.pools import commands as c
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.state import LeaseState

REFUSAL_LASTS: Final = timedelta(seconds=60)
_LONGEST_REFUSAL: Final = timedelta(hours=1)
_DOUBLINGS: Final = 6


def enqueue_job(draft: Draft, command: c.EnqueueJob) -> None:
    key = command.entry.attempt_key
    if key not in draft.before.queue and key not in draft.before.leases:
        draft.tell(e.JobEnqueued(entry=command.entry))


def cancel_job(draft: Draft, command: c.CancelJob) -> None:
    key = command.attempt_key
    if key in draft.before.queue:
        draft.conclude(e.JobDequeued(attempt_key=key))
    elif key in draft.before.leases and not draft.before.leases[key].cancelling:
        draft.conclude(cancel_lease(key, draft.before.leases[key], command.grace_seconds))


def accept_lease(draft: Draft, command: c.AcceptLease) -> None:
    lease = _held_lease(draft, command)
    if lease.cancelling and not lease.accepted:
        raise Rejected("stale-lease", f"attempt {command.attempt_key} was cancelled before it was accepted")
    if not lease.accepted:
        draft.conclude(e.LeaseAccepted(attempt_key=command.attempt_key, epoch=command.epoch, agent_id=command.agent_id))


def refuse_lease(draft: Draft, command: c.RefuseLease) -> None:
    """The agent is not offered this attempt again for a while: 60 s, then twice as long each time, up to an hour."""
    lease = _held_lease(draft, command)
    if lease.accepted:
        detail = f"agent {command.agent_id} has accepted attempt {command.attempt_key}; it can only finish it now"
        raise Rejected("lease-accepted", detail)
    pause = min(REFUSAL_LASTS * 2 ** min(lease.waiting.refusals, _DOUBLINGS), _LONGEST_REFUSAL)
    give_back(draft, command.attempt_key, command.reason or "refused", pause)


def release_lease(draft: Draft, command: c.ReleaseLease) -> None:
    key = command.attempt_key
    if key in draft.before.queue:
        draft.tell(e.JobDequeued(attempt_key=key))
    elif key in draft.before.leases:
        draft.tell(_released(key, draft.before.leases[key]))


def lapse_offer(draft: Draft, key: str) -> None:
    """Nobody accepted in time."""
    give_back(draft, key, "not-accepted")


def give_back(draft: Draft, key: str, reason: str, pause: timedelta | None = None) -> None:
    """An offer came to nothing. An attempt that was cancelled meanwhile does not come back."""
    lease = draft.state.leases[key]
    if lease.cancelling:
        draft.tell(_released(key, lease))
        return
    draft.tell(
        e.LeaseReturned(
            attempt_key=key,
            epoch=lease.epoch,
            agent_id=lease.agent_id,
            reason=reason,
            retry_at=draft.now + pause if pause else None,
        )
    )


def cancel_lease(key: str, lease: LeaseState, grace_seconds: int) -> e.LeaseCancelRequested:
    return e.LeaseCancelRequested(
        attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id, grace_seconds=grace_seconds
    )


def _released(key: str, lease: LeaseState) -> e.LeaseReleased:
    return e.LeaseReleased(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id)


def _held_lease(draft: Draft, command: c.AcceptLease | c.RefuseLease) -> LeaseState:
    lease = draft.before.leases.get(command.attempt_key)
    if lease is None or (lease.epoch, lease.agent_id) != (command.epoch, command.agent_id):
        now = f"epoch {lease.epoch} is with {lease.agent_id}" if lease else "nobody holds it"
        raise Rejected(
            "stale-lease",
            f"agent {command.agent_id} does not hold attempt {command.attempt_key} under epoch {command.epoch}: {now}",
        )
    return lease
