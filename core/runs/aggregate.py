"""Run as the processor shell sees it."""

from core.aggregate import Aggregate
from core.runs import decide as runs
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.deadlines import deadline as run_deadline
from core.runs.events import EVENTS as RUN_EVENTS
from core.runs.evolve import evolve as evolve_run
from core.runs.state import RunState

RUN = Aggregate(
    kind="run",
    state_type=RunState,
    initial=lambda run: RunState(id=run),
    decide=runs.decide,
    evolve=evolve_run,
    deadline=run_deadline,
    finished=runs.finished,
    commands=RUN_COMMANDS,
    events=RUN_EVENTS,
)
