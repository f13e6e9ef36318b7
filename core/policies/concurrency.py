"""Runs and their concurrency group: enter when planned or re-run, start when admitted, stop when superseded, leave."""

from core.aggregate import Send
from core.catalog.commands import SetSchedules
from core.concurrency.commands import EnterGroup, LeaveGroup
from core.concurrency.events import RunAdmitted, RunSuperseded
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.topics import Topology
from core.ids import region_of_run
from core.pipeline.plan import Concurrency
from core.runs.commands import AdmitRun, CancelRun
from core.runs.events import RunFinished, RunPlanned, RunRerunRequested


def enter_group(topology: Topology, envelope: EventEnvelope, event: RunPlanned | RunRerunRequested) -> tuple[Send, ...]:
    concurrency = event.plan.concurrency if isinstance(event, RunPlanned) else event.concurrency
    if concurrency is None:
        return ()
    return (_enter(envelope, event.app, concurrency, event.round),)


def _enter(envelope: EventEnvelope, app: str, concurrency: Concurrency, round_: int) -> Send:
    command = EnterGroup(run_id=Stream.parse(envelope.stream).id, round=round_, policy=concurrency.policy)
    return Send(envelope.region, Stream("concurrency", f"{app}/{concurrency.group}"), command)


def leave_group(topology: Topology, envelope: EventEnvelope, event: RunFinished) -> tuple[Send, ...]:
    if not event.group:
        return ()
    command = LeaveGroup(run_id=Stream.parse(envelope.stream).id)
    return (Send(envelope.region, Stream("concurrency", f"{event.app}/{event.group}"), command),)


def admit_run(topology: Topology, envelope: EventEnvelope, event: RunAdmitted) -> tuple[Send, ...]:
    return (Send(region_of_run(event.run_id), Stream("run", event.run_id), AdmitRun(round=event.round)),)


def cancel_superseded(topology: Topology, envelope: EventEnvelope, event: RunSuperseded) -> tuple[Send, ...]:
    command = CancelRun(
        by="concurrency", reason="superseded", detail=f"run {event.by} takes its place", round=event.round
    )
    return (Send(region_of_run(event.run_id), Stream("run", event.run_id), command),)


def set_schedules(topology: Topology, envelope: EventEnvelope, event: RunPlanned) -> tuple[Send, ...]:
    """The pipeline file at the head of the default branch says when the app runs by itself."""
    if not event.default_branch:
        return ()
    command = SetSchedules(schedules=event.plan.schedules, commit=event.commit, number=event.number)
    return (Send(topology.home_region, Stream("app", event.app), command),)
