"""AgentPool as the processor shell sees it."""

from core.aggregate import Aggregate
from core.pools import decide as pools
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.pools.events import EVENTS as POOL_EVENTS
from core.pools.evolve import evolve as evolve_pool
from core.pools.state import PoolState

POOL = Aggregate(
    kind="pool",
    state_type=PoolState,
    initial=lambda name: PoolState(id=name),
    decide=pools.decide,
    evolve=evolve_pool,
    deadline=pools.deadline,
    finished=pools.finished,
    commands=POOL_COMMANDS,
    events=POOL_EVENTS,
    recurs=True,
)
