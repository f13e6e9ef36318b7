"""One job of a local run: the agent's own job runner, with the terminal in place of a hub."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.environment import machine_environment
from agents.executors.base import Executor
from agents.job_runner import JobRunner, JobTools
from agents.spool_store import SpoolStore
from core.protocol import messages as m
from core.protocol.logs import decode_chunk
from core.runs.commands import FinishJob
from core.runs.spec import JobSpec
from gateway.cli.live import log_line
from gateway.cli.output import console

SPOOL_BYTES = 1 << 30


async def run_job(spec: JobSpec, executor: Executor, data: Path, held: dict[str, Any]) -> FinishJob:
    """Runs the job, prints its log and answers with its end; `held` names the lease."""
    spools, jobs = data / "spool", data / "jobs"
    for folder in (spools, jobs):
        folder.mkdir(exist_ok=True)
    store = SpoolStore(spools, SPOOL_BYTES)
    spool = store.create(spec.attempt_key, held["epoch"])
    tools = JobTools(executor, store, jobs, machine_environment(), lambda: datetime.now(UTC), "http://127.0.0.1")
    console.print(f"▶ {spec.name}", style="cyan")
    await JobRunner(spec, 0, spool, tools).run()
    end = FinishJob(outcome="error", reason="no-result", **held)
    while (frame := spool.next_frame()) is not None:
        message = m.decode_agent_message(frame)
        if isinstance(message, m.LogWritten):
            _print_log(spec.job_id, message)
        elif isinstance(message, m.JobFinished):
            end = _end(message, held)
    store.discard(spec.attempt_key)
    mark = "[green]✓[/green]" if end.outcome == "success" else f"[red]✗ {end.detail}[/red]"
    console.print(f"{mark} {spec.name}")
    return end


def _print_log(job: str, message: m.LogWritten) -> None:
    for line in decode_chunk(message.chunk).lines:
        text = line.data.decode("utf-8", "replace")
        console.print(log_line({"job": job, "stream": line.stream, "text": text}), soft_wrap=True)


def _end(message: m.JobFinished, held: dict[str, Any]) -> FinishJob:
    return FinishJob(
        outcome=message.outcome,
        reason=message.reason,
        detail=message.detail,
        steps=message.steps,
        outputs=message.outputs,
        log=message.log,
        **held,
    )
