"""Who gets the next free slot, and why an attempt gets none.

Order of the queue: priority, then the app that holds the fewest leases in this pool, then age. Of the agents that
carry all labels the one with the most free slots is taken, so that load spreads.
"""

from datetime import timedelta
from typing import Final

from core.pools import events as e
from core.pools.draft import Draft
from core.pools.state import Lane, PoolState, Waiting

ACCEPT_WITHIN: Final = timedelta(seconds=10)


def schedule(draft: Draft) -> None:
    """Offer what can be offered."""
    state = draft.state
    while state.lanes and state.free.first() is not None:
        choice = _choose(state)
        if choice is None:
            return
        waiting, agent_id = choice
        draft.tell(
            e.LeaseGranted(
                attempt_key=waiting.entry.attempt_key,
                epoch=state.epoch + 1,
                agent_id=agent_id,
                accept_by=draft.now + ACCEPT_WITHIN,
                entry=waiting.entry,
            )
        )


def _choose(state: PoolState) -> tuple[Waiting, str] | None:
    heads = []
    for key in state.lanes:
        lane = state.lanes[key]
        place = lane.places.first()
        if place is not None:
            held = state.shares[lane.app].leases if lane.app in state.shares else 0
            heads.append((place[0], held, place[1], place[2], key))
    for *_, key in sorted(heads):
        found = _first_fitting(state, state.lanes[key])
        if found is not None:
            return found
    return None


def _first_fitting(state: PoolState, lane: Lane) -> tuple[Waiting, str] | None:
    """The first attempt of the lane that some free agent can take; those behind a refused one are tried too."""
    for _, _, attempt_key in lane.places:
        waiting = state.queue[attempt_key]
        agent_id = _agent_for(state, waiting)
        if agent_id is not None:
            return waiting, agent_id
        if not waiting.refused_by:
            return None
    return None


def _agent_for(state: PoolState, waiting: Waiting) -> str | None:
    needed = set(waiting.entry.labels)
    for _, agent_id in state.free:
        if needed.issubset(state.agents[agent_id].labels) and agent_id not in waiting.refused_by:
            return agent_id
    return None


def explain(draft: Draft, attempt_key: str) -> None:
    """Say why a still queued attempt can't be leased by any agent there is; silent about agents that are only busy."""
    waiting = draft.state.queue.get(attempt_key)
    if waiting is not None:
        _say(draft, waiting, obstacle(draft.state, waiting.entry.labels))


def explain_all(draft: Draft) -> None:
    """After agents came or went. One look per lane."""
    for key in list(draft.state.lanes):
        lane = draft.state.lanes[key]
        reason = obstacle(draft.state, lane.labels)
        for _, _, attempt_key in list(lane.places):
            _say(draft, draft.state.queue[attempt_key], reason)


def _say(draft: Draft, waiting: Waiting, reason: str) -> None:
    if waiting.reason != reason:
        draft.tell(e.JobExplained(attempt_key=waiting.entry.attempt_key, reason=reason))


def obstacle(state: PoolState, labels: tuple[str, ...]) -> str:
    """Why no agent of the pool fits, in words; empty where one does. A lost connection counts as being there."""
    agents = [state.agents[agent_id] for agent_id in state.agents if not state.agents[agent_id].draining]
    if not agents:
        return f"no agent is connected to pool {state.name} in {state.region}"
    if any(set(labels).issubset(agent.labels) for agent in agents):
        return ""
    carried = {label for agent in agents for label in agent.labels}
    missing = [label for label in labels if label not in carried]
    if missing:
        word = "label" if len(missing) == 1 else "labels"
        return f"no agent with {word} {', '.join(missing)} in {state.region}"
    return f"no agent with labels {', '.join(labels)} together in {state.region}"
