"""Who gets the next free slot.

1. the highest priority;
2. among equals, the app that holds the fewest leases of this pool now;
3. among those, the attempt that has waited longest.

It goes to the least loaded agent that fits: connected, not leaving, with a free slot and all the labels, and not
one that has refused this attempt. Spreading, because a build is faster on a machine that it shares with fewer; an
agent that let an offer of this attempt lapse comes last. An attempt that nobody can take holds up nobody else.

Cost: a few lookups per lane with entries and per set of labels among the agents, whatever the length of the queue.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from core.draft import peek
from core.pools.draft import Draft
from core.pools.events import JobExplained, LeaseGranted
from core.pools.state import Head, Lane, PoolState, Waiting

ACCEPT_WITHIN: Final = timedelta(seconds=10)


def schedule(state: PoolState, now: datetime) -> tuple[LeaseGranted, ...]:
    """All grants that are possible now, in order. The state stays as it is."""
    draft = Draft(state, now)
    grant_all(draft)
    return tuple(event for event in draft.events if isinstance(event, LeaseGranted))


def grant_all(draft: Draft) -> None:
    """Grant until no slot or no fitting attempt is left. An evacuated pool grants nothing."""
    while draft.state.evacuation is None and (grant := _next_grant(draft.state, draft.now)) is not None:
        if peek(draft.state.queue, grant.attempt_key).explained:
            draft.tell(JobExplained(attempt_key=grant.attempt_key, reason=""))
        draft.tell(grant)


def _next_grant(state: PoolState, now: datetime) -> LeaseGranted | None:
    best: tuple[Head, Lane] | None = None
    for key in state.lanes:
        lane = peek(state.lanes, key)
        head = lane.heads.first()
        if head is not None and (best is None or head < best[0]) and next(_takers(state, lane), None):
            best = (head, lane)
    if best is None:
        return None
    oldest = peek(best[1].buckets, best[0][3]).entries.first()
    assert oldest is not None
    waiting = peek(state.queue, oldest[1])
    return LeaseGranted(
        attempt_key=oldest[1],
        epoch=waiting.epoch + 1,
        agent_id=_choose(state, best[1], waiting),
        accept_by=now + ACCEPT_WITHIN,
        entry=waiting.entry,
    )


def _choose(state: PoolState, lane: Lane, waiting: Waiting) -> str:
    if not waiting.last_agent:
        return min(_takers(state, lane))[1]
    return min((agent_id == waiting.last_agent, load, agent_id) for load, agent_id in _all_takers(state, lane))[2]


def _takers(state: PoolState, lane: Lane) -> Iterator[tuple[int, str]]:
    """The least loaded free agent of each class that fits."""
    for key in lane.classes:
        for load, agent_id in peek(state.classes, key).free:
            if agent_id not in lane.avoid:
                yield load, agent_id
                break


def _all_takers(state: PoolState, lane: Lane) -> Iterator[tuple[int, str]]:
    for key in lane.classes:
        for load, agent_id in peek(state.classes, key).free:
            if agent_id not in lane.avoid:
                yield load, agent_id
