"""The rollout as the processor shell sees it."""

from core.aggregate import Aggregate
from core.rollouts import decide as rollouts
from core.rollouts.commands import COMMANDS as ROLLOUT_COMMANDS
from core.rollouts.events import EVENTS as ROLLOUT_EVENTS
from core.rollouts.evolve import evolve as evolve_rollout
from core.rollouts.state import RolloutState

ROLLOUT = Aggregate(
    kind="rollout",
    state_type=RolloutState,
    initial=lambda name: RolloutState(id=name),
    decide=rollouts.decide,
    evolve=evolve_rollout,
    deadline=rollouts.deadline,
    finished=rollouts.finished,
    commands=ROLLOUT_COMMANDS,
    events=ROLLOUT_EVENTS,
)
