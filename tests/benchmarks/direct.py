"""Commands straight into the log, as the parts of the platform write them, for rows that start in the middle."""

import itertools
from collections.abc import Iterable, Iterator

from core.eventlog.envelope import Stream
from core.eventlog.routing import make_command, to_record
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.pipeline.plan import Approval, JobPlan, Need, Plan, StagePlan, Step
from core.ports import OutgoingRecord
from core.runs.commands import COMMANDS, PlanRun, RequestRun
from core.trigger import Trigger
from infra.clock import SystemClock

COMMIT = "c" * 40
_numbers = itertools.count()


def run_name(number: int, region: str = "us-east") -> str:
    return f"{region}-{number:016x}"


def record(topology: Topology, run: str, command: Message, command_id: str = "") -> OutgoingRecord:
    envelope = make_command(
        command_id=command_id or f"bench-{next(_numbers)}",
        stream=Stream("run", run),
        region=region_of_run(run),
        command=command,
        catalogue=COMMANDS,
        actor="bench",
        correlation_id="c" * 32,
        causation_id="",
        issued_at=SystemClock().now(),
    )
    return to_record(topology, envelope)


def request(number: int) -> RequestRun:
    trigger = Trigger(
        trigger_id=f"t{number}", source="push", ref="refs/heads/main", branch="main", commit=COMMIT, author="ada"
    )
    return RequestRun(
        app="shop",
        number=number,
        trigger=trigger,
        repository_url="https://forge.example/acme/shop.git",
        default_branch="main",
        pipeline_path=".pipeline.yml",
    )


def waiting_plan() -> PlanRun:
    """Five stages; the first waits for a person, so the run stays active without any agent."""
    stages = [_stage("gate", Approval(count=2))]
    stages += [_stage(name, None) for name in ("lint", "unit", "build", "deploy")]
    return PlanRun(plan=Plan(name="bench", stages=tuple(stages)), commit=COMMIT)


def active_runs(topology: Topology, numbers: Iterable[int]) -> Iterator[OutgoingRecord]:
    plan = waiting_plan()
    for number in numbers:
        run = run_name(number)
        yield record(topology, run, request(number))
        yield record(topology, run, plan)


def _stage(name: str, approval: Approval | None) -> StagePlan:
    needs = () if approval else (Need("gate"),)
    job = JobPlan(id=name, name=name, steps=(Step(name="one", run="true"), Step(name="two", run="true")))
    return StagePlan(name=name, jobs=(job,), needs=needs, approval=approval)
