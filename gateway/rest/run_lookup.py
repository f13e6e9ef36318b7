"""Finding the run, or the attempt, that a path names. Raises 404 problems that say what to do."""

from core.eventlog.envelope import Position, Stream
from core.ids import region_of_run
from core.runs.commands import COMMANDS
from gateway.errors import ApiError
from gateway.rest.targets import hinted_target
from gateway.state import GatewayState
from gateway.writes import Decided, Target
from projections.queries.attempts import AttemptState, attempt_state
from projections.queries.run_detail import run_detail
from projections.queries.run_types import RunDetail
from projections.queries.runs import find_run


async def existing_run(gateway: GatewayState, name: str) -> str:
    """The id of the run called `name`: an id, or `<app>#<number>`."""
    run_id = await find_run(gateway.services.db, name)
    if run_id is None:
        detail = f"There is no run '{name}'. A run is called by its id or <app>#<number>."
        raise ApiError(404, "run-unknown", detail, see="/api/v1/runs")
    return run_id


async def run_target(gateway: GatewayState, name: str) -> Target:
    """The run as the target of a command, with a hint where its events lie."""
    run_id = await existing_run(gateway, name)
    return await hinted_target(gateway, Stream("run", run_id), region_of_run(run_id), COMMANDS)


async def beginning_of_run(gateway: GatewayState, run_id: str, answer: Decided) -> Position:
    """Where a run begins that an app has just accepted: the run itself follows within moments."""
    if answer.replayed and await find_run(gateway.services.db, run_id):
        return answer.decision.position
    timeout_seconds = gateway.services.settings.read_timeout_seconds
    return await gateway.hub.beginning(f"run/{run_id}", timeout_seconds) or answer.decision.position


async def existing_attempt(gateway: GatewayState, run: str, job: str, attempt: str) -> AttemptState:
    """`attempt` is a number or `latest`."""
    run_id = await existing_run(gateway, run)
    if attempt != "latest" and not attempt.isdigit():
        raise ApiError(400, "attempt-invalid", f"'{attempt[:40]}' is no attempt: use its number, or 'latest'.")
    number = None if attempt == "latest" else int(attempt)
    found = await attempt_state(gateway.services.db, run_id, job, number)
    if found is None:
        detail = f"Job '{job}' of run {run_id} has no attempt {attempt} (yet)."
        raise ApiError(404, "attempt-unknown", detail)
    return found


async def run_document(gateway: GatewayState, run_id: str) -> RunDetail:
    """Raises 404 `run-unknown`."""
    document = await run_detail(gateway.services.db, run_id)
    if document is None:
        raise ApiError(404, "run-unknown", f"There is no run '{run_id}'.")
    return document
