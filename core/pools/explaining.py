"""Tells the runs why their attempts wait, when that changes."""

from core.draft import peek
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.lanes import lane_key
from core.pools.reasons import why_it_stays
from core.pools.state import Lane


def explain_lanes(draft: Draft) -> None:
    """Agents came or left: every entry of a lane whose reason changed is told."""
    for key in list(draft.state.lanes):
        lane = peek(draft.state.lanes, key)
        if key in draft.before.lanes and draft.before.lanes[key].reason != lane.reason:
            for attempt_key in _entries(lane):
                _explain(draft, attempt_key, lane.reason)


def explain_queued(draft: Draft) -> None:
    """What came into the queue within this decision, and is still there, is told what is in its way."""
    for event in draft.events.copy():
        if isinstance(event, e.LeaseReturned | e.RefusalsForgotten):
            _explain_if_queued(draft, event.attempt_key)
        elif isinstance(event, e.JobEnqueued):
            _explain_if_queued(draft, event.entry.attempt_key)


def _explain_if_queued(draft: Draft, attempt_key: str) -> None:
    if attempt_key in draft.state.queue:
        lane = lane_key(peek(draft.state.queue, attempt_key))
        _explain(draft, attempt_key, peek(draft.state.lanes, lane).reason)


def _explain(draft: Draft, attempt_key: str, reason: str) -> None:
    waiting = peek(draft.state.queue, attempt_key)
    if draft.state.evacuation is not None:
        stays = why_it_stays(draft.state, waiting.entry)
        # What can leave is about to.
        reason = f"{reason}: {stays}" if stays else waiting.explained
    if waiting.explained != reason:
        draft.tell(e.JobExplained(attempt_key=attempt_key, reason=reason))


def _entries(lane: Lane) -> list[str]:
    return [key for bucket in lane.buckets for _, key in peek(lane.buckets, bucket).entries]
