"""Deployment as the processor shell sees it."""

from core.aggregate import Aggregate
from core.deployments import decide as deployments
from core.deployments.commands import COMMANDS as DEPLOYMENT_COMMANDS
from core.deployments.deadlines import deadline as deployment_deadline
from core.deployments.events import EVENTS as DEPLOYMENT_EVENTS
from core.deployments.evolve import evolve as evolve_deployment
from core.deployments.state import DeploymentState

DEPLOYMENT = Aggregate(
    kind="deployment",
    state_type=DeploymentState,
    initial=lambda deployment: DeploymentState(id=deployment),
    decide=deployments.decide,
    evolve=evolve_deployment,
    deadline=deployment_deadline,
    finished=deployments.finished,
    commands=DEPLOYMENT_COMMANDS,
    events=DEPLOYMENT_EVENTS,
)
