"""Why a queued attempt can't be leased to anybody, in the words its run shows.

That all fitting agents are busy is no such reason: it is what queues are for, and would flood the log.
"""

from core.draft import peek
from core.pools.entries import QueueEntry
from core.pools.state import PoolState


def why_nobody_takes(state: PoolState, labels: list[str], avoid: list[str], classes: list[str]) -> str:
    """Empty where some agent can: one that is known (its connection may be broken just now) and doesn't leave."""
    region, _, pool = state.id.partition("/")
    if state.evacuation is not None:
        return f"pool {pool} in {region} is evacuated"
    if classes:
        return _all_refused(state, avoid, classes)
    if not state.agents:
        return f"no agent is connected to pool {pool} in {region}"
    if not state.classes:
        return f"every agent of pool {pool} in {region} is leaving"
    carried = {label for key in state.classes for label in peek(state.classes, key).labels}
    missing = [label for label in labels if label not in carried]
    if missing:
        return f"no agent with label{'s' * (len(missing) > 1)} {' and '.join(missing)} in {region}"
    return f"no agent in {region} carries the labels {' and '.join(labels)} together"


def why_it_stays(state: PoolState, entry: QueueEntry) -> str:
    """Why an attempt does not leave an evacuated pool. Empty where it can."""
    if entry.pinned:
        return "the pipeline names this region, so the job waits for it"
    if not state.fallback:
        return "no fallback pool is set, so its jobs may not leave and wait"
    return "" if next_pool(state, entry) else "it was moved out of all fallback pools as well, and waits"


def next_pool(state: PoolState, entry: QueueEntry) -> str | None:
    """The first fallback pool that the attempt has not been in."""
    been = {state.id, *entry.moved_from}
    return None if entry.pinned else next((pool for pool in state.fallback if pool not in been), None)


def _all_refused(state: PoolState, avoid: list[str], classes: list[str]) -> str:
    members = sum(peek(state.classes, key).members for key in classes)
    refused = sum(_counts(state, agent_id, classes) for agent_id in avoid)
    return f"every fitting agent refused it: {', '.join(avoid)}" if refused == members else ""


def _counts(state: PoolState, agent_id: str, classes: list[str]) -> bool:
    if agent_id not in state.agents:
        return False
    agent = peek(state.agents, agent_id)
    return not agent.draining and agent.agent_class in classes
