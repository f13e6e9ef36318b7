"""The `delivery.yml` beside a pipeline file: what environments it gives to the app, and when it can't be used."""

import msgspec

from agents.connectors.documents import read_delivery
from agents.connectors.repository import Commit, FileProblem, Repository
from core.delivery_file.document import Delivery, delivery_path
from core.environments.settings import EnvironmentSettings
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.runs.events import RunRequested


def delivery_of(repository: Repository, event: RunRequested, commit: Commit) -> Delivery | None:
    """None where there is none. One that can't be read, or is misnamed, is one with a problem. Raises Unavailable."""
    path = delivery_path(event.pipeline_path)
    try:
        return read_delivery(repository.file(commit.id, path, "delivery"), path, event.app)
    except FileProblem as error:
        if error.code == "delivery-missing" and not error.misnamed:
            return None
        return Delivery(path, (Problem(error.code, error.message, 1, 1, suggestion=error.suggestion, file=path),))


def settings_of(delivery: Delivery | None) -> tuple[EnvironmentSettings, ...] | None:
    """What RunPlanned says of them: without the file there are none; a wrong one changes nothing."""
    if delivery is None:
        return ()
    return None if delivery.problems else delivery.environments


def with_warnings(plan: Plan, delivery: Delivery | None) -> Plan:
    """The plan of a run that deploys nothing goes on beside a wrong file, and says so."""
    if delivery is None:
        return plan
    told = delivery.warnings
    if delivery.problems:
        first = delivery.problems[0]
        more = f" (and {len(delivery.problems) - 1} more)" if len(delivery.problems) > 1 else ""
        place = f"{first.file}:{first.line}:{first.column}"
        told = (*told, f"{place} {first.code}: {first.message}{more}; the app's environments stay as they are")
    return msgspec.structs.replace(plan, warnings=(*plan.warnings, *told)) if told else plan
