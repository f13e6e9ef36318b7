"""All aggregates and all policies: what a processor runs."""

from core.aggregate import Aggregate, Policy
from core.catalog import app, app_state, principal
from core.catalog.commands import APP_COMMANDS, PRINCIPAL_COMMANDS
from core.catalog.events import APP_EVENTS, PRINCIPAL_EVENTS
from core.concurrency import group
from core.concurrency.commands import COMMANDS as GROUP_COMMANDS
from core.concurrency.events import EVENTS as GROUP_EVENTS
from core.policies import catalog, concurrency, jobs
from core.pools import decide as pools
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.pools.events import EVENTS as POOL_EVENTS
from core.pools.evolve import evolve as evolve_pool
from core.pools.state import PoolState
from core.runs import decide as runs
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.deadlines import deadline as run_deadline
from core.runs.events import EVENTS as RUN_EVENTS
from core.runs.evolve import evolve as evolve_run
from core.runs.state import RunState

AGGREGATES: tuple[Aggregate, ...] = (
    Aggregate(
        kind="app",
        state_type=app_state.AppState,
        initial=lambda name: app_state.AppState(name=name),
        decide=app.decide,
        evolve=app_state.evolve,
        deadline=app_state.deadline,
        finished=app_state.finished,
        commands=APP_COMMANDS,
        events=APP_EVENTS,
    ),
    Aggregate(
        kind="principal",
        state_type=principal.PrincipalState,
        initial=lambda name: principal.PrincipalState(name=name),
        decide=principal.decide,
        evolve=principal.evolve,
        deadline=principal.deadline,
        finished=principal.finished,
        commands=PRINCIPAL_COMMANDS,
        events=PRINCIPAL_EVENTS,
    ),
    Aggregate(
        kind="run",
        state_type=RunState,
        initial=lambda run: RunState(id=run),
        decide=runs.decide,
        evolve=evolve_run,
        deadline=run_deadline,
        finished=runs.finished,
        commands=RUN_COMMANDS,
        events=RUN_EVENTS,
    ),
    Aggregate(
        kind="concurrency",
        state_type=group.GroupState,
        initial=lambda name: group.GroupState(id=name),
        decide=group.decide,
        evolve=group.evolve,
        deadline=group.deadline,
        finished=group.finished,
        commands=GROUP_COMMANDS,
        events=GROUP_EVENTS,
    ),
    Aggregate(
        kind="pool",
        state_type=PoolState,
        initial=lambda name: PoolState(id=name),
        decide=pools.decide,
        evolve=evolve_pool,
        deadline=pools.deadline,
        finished=pools.finished,
        commands=POOL_COMMANDS,
        events=POOL_EVENTS,
    ),
)

POLICIES: dict[str, tuple[Policy, ...]] = {
    "trigger.accepted": (catalog.request_run,),
    "run.planned": (concurrency.enter_group, concurrency.set_schedules),
    "run.rerun_requested": (concurrency.enter_group,),
    "run.finished": (concurrency.leave_group,),
    "concurrency.run_admitted": (concurrency.admit_run,),
    "concurrency.run_superseded": (concurrency.cancel_superseded,),
    "job.queued": (jobs.enqueue_job,),
    "job.cancel_requested": (jobs.cancel_job,),
    "job.finished": (jobs.release_lease,),
    "lease.accepted": (jobs.start_job,),
    "lease.lost": (jobs.lose_job,),
    "queue.job_explained": (jobs.explain_job,),
}
