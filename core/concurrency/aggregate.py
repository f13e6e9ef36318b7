"""The concurrency group as the processor shell sees it."""

from core.aggregate import Aggregate
from core.concurrency import group
from core.concurrency.commands import COMMANDS as GROUP_COMMANDS
from core.concurrency.events import EVENTS as GROUP_EVENTS

GROUP = Aggregate(
    kind="concurrency",
    state_type=group.GroupState,
    initial=lambda name: group.GroupState(id=name),
    decide=group.decide,
    evolve=group.evolve,
    deadline=group.deadline,
    finished=group.finished,
    commands=GROUP_COMMANDS,
    events=GROUP_EVENTS,
    recurs=True,
)
