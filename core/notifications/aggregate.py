"""Subscription as the processor shell sees it."""

from core.aggregate import Aggregate
from core.notifications import decide, state
from core.notifications.commands import SUBSCRIPTION_COMMANDS
from core.notifications.events import SUBSCRIPTION_EVENTS

SUBSCRIPTION = Aggregate(
    kind="subscription",
    state_type=state.SubscriptionState,
    initial=lambda name: state.SubscriptionState(name=name),
    decide=decide.decide,
    evolve=state.evolve,
    deadline=state.deadline,
    finished=state.finished,
    commands=SUBSCRIPTION_COMMANDS,
    events=SUBSCRIPTION_EVENTS,
)
