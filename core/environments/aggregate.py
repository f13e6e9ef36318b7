"""The environment as the processor shell sees it."""

from core.aggregate import Aggregate
from core.environments import decide as environments
from core.environments.commands import COMMANDS as ENVIRONMENT_COMMANDS
from core.environments.events import EVENTS as ENVIRONMENT_EVENTS
from core.environments.evolve import evolve as evolve_environment
from core.environments.state import EnvironmentState

ENVIRONMENT = Aggregate(
    kind="environment",
    state_type=EnvironmentState,
    initial=lambda name: EnvironmentState(id=name),
    decide=environments.decide,
    evolve=evolve_environment,
    deadline=environments.deadline,
    finished=environments.finished,
    commands=ENVIRONMENT_COMMANDS,
    events=ENVIRONMENT_EVENTS,
    recurs=True,
)
