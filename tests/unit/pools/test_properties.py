"""Whatever happens to a pool: its promises hold, and the log says all there is to know."""

from typing import Any

from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.aggregate import Rejected, Tick
from core.pools import commands as c
from core.pools.aggregate import POOL
from core.pools.entries import HeldLease
from core.pools.lanes import lane_key
from core.pools.scheduling import schedule
from tests.support.given import Scene
from tests.unit.pools.test_scheduling import entry

LABELS = some.sampled_from(((), ("gpu",), ("arm",), ("arm", "gpu")))
AGENTS = some.sampled_from(("a1", "a2", "a3"))
RUNS = some.sampled_from([f"r{number}" for number in range(6)])
KEYS = RUNS.map(lambda run: f"{run}/j/1")
EPOCHS = some.integers(1, 3)
HELD = some.lists(some.builds(HeldLease, KEYS, EPOCHS), max_size=3).map(tuple)
ENTRIES = some.builds(
    entry, RUNS, some.sampled_from(("x", "y")), some.integers(0, 5), labels=LABELS, priority=some.integers(0, 2)
)
SESSIONS = some.sampled_from(("s1", "s2", "s3"))
COMMANDS: some.SearchStrategy[Any] = some.one_of(
    some.builds(c.ConnectAgent, agent_id=AGENTS, session=SESSIONS, slots=some.integers(1, 3), labels=LABELS, held=HELD),
    some.builds(c.DisconnectAgent, agent_id=AGENTS, session=SESSIONS),
    some.builds(c.RecordHeartbeats, agents=some.lists(AGENTS, max_size=3).map(tuple)),
    some.builds(c.DrainAgent, agent_id=AGENTS),
    some.builds(c.EnqueueJob, entry=ENTRIES),
    some.builds(c.EnqueueJob, entry=ENTRIES),
    some.builds(c.CancelJob, attempt_key=KEYS),
    some.builds(c.AcceptLease, attempt_key=KEYS, epoch=EPOCHS, agent_id=AGENTS),
    some.builds(c.RefuseLease, attempt_key=KEYS, epoch=EPOCHS, agent_id=AGENTS, reason=some.just("no")),
    some.builds(c.ReleaseLease, attempt_key=KEYS),
    some.integers(1, 40),
)


@settings(max_examples=150, deadline=None)
@randomly(some.lists(COMMANDS, max_size=40))
def test_pool_keeps_its_promises(commands: list[Any]) -> None:
    scene = Scene(POOL, "eu-west/default")
    for command in commands:
        try:
            if isinstance(command, int):
                scene.later(seconds=command)
                check_nothing_is_overdue(scene)
            else:
                scene.when(command)
        except Rejected:
            continue
        check_promises(scene)
    scene.check_restored()


def check_nothing_is_overdue(scene: Scene) -> None:
    due = POOL.deadline(scene.state)
    if due is not None and due <= scene.now:
        # A refusal whose end has come may come back with an offer that lapsed in the same moment, once.
        scene.when(Tick())
        due = POOL.deadline(scene.state)
    assert due is None or due > scene.now


def check_promises(scene: Scene) -> None:
    state = scene.state
    for agent_id, agent in state.agents.items():
        assert len(agent.leases) <= agent.slots or agent.load == -1
        assert all(state.leases[key].agent_id == agent_id for key in agent.leases)
        assert agent.leases or not agent.draining
    for key, lease in state.leases.items():
        assert key not in state.queue
        assert key in state.agents[lease.agent_id].leases
    for waiting in state.queue.values():
        assert waiting.explained == state.lanes[lane_key(waiting)].reason
    assert schedule(state, scene.now) == (), "nothing that could be granted waits"
    for app, share in state.apps.items():
        assert share.held == sum(lease.waiting.entry.app == app for lease in state.leases.values())
    for event in scene.told:
        if event.TYPE == "lease.granted":
            check_grant(scene, event)


def check_grant(scene: Scene, event: Any) -> None:
    agent = scene.state.agents[event.agent_id]
    assert agent.connected
    assert not agent.draining
    assert set(event.entry.labels) <= set(agent.agent_class.split("\x1f"))
    assert len(agent.leases) <= agent.slots
