"""App, Release and Principal as the processor shell sees them."""

from core.aggregate import Aggregate
from core.catalog import app, app_state, principal, release
from core.catalog.commands import APP_COMMANDS, PRINCIPAL_COMMANDS, RELEASE_COMMANDS
from core.catalog.events import APP_EVENTS, PRINCIPAL_EVENTS, RELEASE_EVENTS

APP = Aggregate(
    kind="app",
    state_type=app_state.AppState,
    initial=lambda name: app_state.AppState(name=name),
    decide=app.decide,
    evolve=app_state.evolve,
    deadline=app_state.deadline,
    finished=app_state.finished,
    commands=APP_COMMANDS,
    events=APP_EVENTS,
)

RELEASE = Aggregate(
    kind="release",
    state_type=release.ReleaseState,
    initial=lambda name: release.ReleaseState(id=name),
    decide=release.decide,
    evolve=release.evolve,
    deadline=release.deadline,
    finished=release.finished,
    commands=RELEASE_COMMANDS,
    events=RELEASE_EVENTS,
    recurs=True,
)

PRINCIPAL = Aggregate(
    kind="principal",
    state_type=principal.PrincipalState,
    initial=lambda name: principal.PrincipalState(name=name),
    decide=principal.decide,
    evolve=principal.evolve,
    deadline=principal.deadline,
    finished=principal.finished,
    commands=PRINCIPAL_COMMANDS,
    events=PRINCIPAL_EVENTS,
)
