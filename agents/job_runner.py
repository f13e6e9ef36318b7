"""Runs one attempt of a job from set-up to clean-up. The end is always reported, and clean-up always runs.

| why an attempt ends                  | outcome   | reason         |
|--------------------------------------|-----------|----------------|
| all steps succeeded                  | success   |                |
| a step's exit code was not 0         | failure   | exit-code      |
| a step or the job took too long      | failure   | timeout        |
| memory ran out                       | failure   | oom-killed     |
| $OUTPUT is not what it must be       | failure   | output-invalid |
| the hub or the operator cancelled it | cancelled | cancelled      |
| workspace or sandbox can't be made   | error     | setup-failed   |
| the spool's disk is full             | error     | spool-full     |
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from agents.checkout import GIT_CONFIG, CheckoutError, explain_exit, fetchable, public_url
from agents.executors.base import Executor, JobRequest, Sandbox, SandboxError
from agents.job_log import JobLog
from agents.log_spool import LogSpool
from agents.outputs import OutputError, read_outputs
from agents.reports import Reports
from agents.spool_store import SpoolStore
from agents.step_command import StepError, step_command
from agents.step_process import StepEnd, StepProcess
from agents.workspace import WorkspaceError, create_job_directory, remove_job_directory
from core.pipeline.plan import Status, Step
from core.runs.spec import JobSpec, Outcome, StepOutcome, StepResult

log = logging.getLogger("sealane.agent")


@dataclass(frozen=True)
class JobTools:
    """What every job of an agent shares. `now` tells UTC, `machine` the variables jobs may know.

    `gateway_url` is where the built-in git server's repositories (`builtin:<app>`) are fetched from.
    """

    executor: Executor
    store: SpoolStore
    jobs: Path
    machine: dict[str, str]
    now: Callable[[], datetime]
    gateway_url: str


class JobRunner:
    """One attempt. `run()` returns when it is over and reported; `cancel` and `abandon` may come at any time."""

    def __init__(self, spec: JobSpec, slot: int, spool: LogSpool, tools: JobTools) -> None:
        self.spec = msgspec.structs.replace(spec, source=fetchable(spec.source, tools.gateway_url))
        self.slot = slot
        self._tools = tools
        self._spool = spool
        self._log = JobLog(spool, spec.max_log_bytes, _clock_us, tools.store.written)
        self._reports = Reports(spool, tools.now, tools.store.written)
        self._status: Status = "success"
        self._reason = self._detail = ""
        self._results: list[StepResult] = []
        self._current: StepProcess | None = None
        self._cancelled = False
        self._broke = False
        self._grace_seconds = 10
        self._deadline = time.monotonic() + spec.timeout_seconds

    async def run(self) -> None:
        outputs: dict[str, str] = {}
        directory: Path | None = None
        try:
            directory = create_job_directory(self._tools.jobs, self.spec.attempt_key)
            outputs = await self._run_in(directory)
        except (WorkspaceError, SandboxError, OSError) as error:
            self._broken("setup-failed", str(error))
        finally:
            if directory is not None:
                await self._remove(directory)
            self._finish(outputs)

    def cancel(self, grace_seconds: int) -> None:
        """SIGTERM to the running step now, SIGKILL after the grace; later steps run only if they ask for it."""
        if self._cancelled:
            return
        self._cancelled = True
        self._grace_seconds = grace_seconds
        self._status = "cancelled"
        self._log.system("The job was cancelled.")
        if self._current is not None:
            self._current.stop("cancelled", grace_seconds)

    def abandon(self) -> None:
        """Kill at once: the attempt is somebody else's."""
        self._cancelled = True
        self._status = "cancelled"
        self._deadline = 0.0
        if self._current is not None:
            self._current.stop("cancelled", 0)

    async def _run_in(self, directory: Path) -> dict[str, str]:
        isolation = self._tools.executor.isolation
        self._log.system(f"{self.spec.name} of {self.spec.app}, attempt {self.spec.attempt}, in {isolation.kind}")
        (directory / "scripts" / "gitconfig").write_text(GIT_CONFIG)
        request = JobRequest(
            attempt_key=self.spec.attempt_key,
            slot=self.slot,
            directory=directory,
            resources=self.spec.resources,
            network=self.spec.network == "egress",
        )
        sandbox = await self._tools.executor.prepare(request)
        try:
            for index, step in enumerate(self.spec.steps):
                await self._step(index, step, sandbox, directory)
            return self._outputs(directory)
        finally:
            await sandbox.close()

    async def _step(self, index: int, step: Step, sandbox: Sandbox, directory: Path) -> None:
        if self._status not in step.when or self._deadline <= time.monotonic():
            self._results.append(StepResult(index, step.name, "skipped", reason=f"the job is {self._status}"))
            return
        self._log.begin_step(index)
        started_at = self._reports.step_started(index)
        end = await self._run_step(index, step, sandbox, directory)
        self._log.end_streams()
        if end.text:
            self._log.system(end.text)
        self._log.begin_step(-1)
        outcome: StepOutcome = "success" if end.ok else "cancelled" if end.reason == "cancelled" else "failure"
        result = StepResult(
            index, step.name, outcome, end.exit_code, "" if end.ok else end.reason, started_at, self._tools.now()
        )
        self._results.append(result)
        self._reports.step_finished(result)
        if not end.ok and not step.continue_on_error and self._status == "success":
            self._status, self._reason = "failure", end.reason
            self._detail = f"step '{step.name}': {end.text or f'exit code {end.exit_code}'}"

    async def _run_step(self, index: int, step: Step, sandbox: Sandbox, directory: Path) -> StepEnd:
        try:
            command = step_command(self.spec, index, step, sandbox.paths, directory / "scripts", self._tools.machine)
            self._log.system(f"$ {_headline(step, self.spec)}")
            process = await sandbox.run(command)
        except (StepError, CheckoutError, SandboxError, OSError) as error:
            return StepEnd(None, "setup-failed", str(error))
        self._current = StepProcess(process, self._log, self._tools.store, self._spool)
        try:
            end = await self._current.finished(self._seconds_left(step))
        finally:
            self._current = None
        if step.uses == "git-checkout" and not end.ok and end.reason == "exit-code":
            return StepEnd(end.exit_code, end.reason, explain_exit(end.exit_code or 0, self.spec.source))
        return end

    def _seconds_left(self, step: Step) -> float:
        left = self._deadline - time.monotonic()
        return max(0.0, min(left, step.timeout_seconds) if step.timeout_seconds else left)

    def _outputs(self, directory: Path) -> dict[str, str]:
        try:
            return read_outputs(directory / "output" / "values")
        except OutputError as error:
            if self._status == "success":
                self._status, self._reason, self._detail = "failure", "output-invalid", str(error)
            self._log.system(str(error))
            return {}

    def _broken(self, reason: str, detail: str) -> None:
        self._log.system(f"{reason}: {detail}")
        self._broke = True
        self._reason, self._detail = reason, detail

    async def _remove(self, directory: Path) -> None:
        if not await asyncio.to_thread(remove_job_directory, directory):
            log.warning("%s could not be removed wholly", directory)

    def _finish(self, outputs: dict[str, str]) -> None:
        if self._log.spool_error and not self._cancelled:
            self._broken("spool-full", self._log.spool_error)
        summary = self._log.close()
        reason = "cancelled" if self._status == "cancelled" else self._reason
        self._reports.job_finished(self._outcome(), reason, self._detail, tuple(self._results), outputs, summary)

    def _outcome(self) -> Outcome:
        if self._status == "cancelled":
            return "cancelled"
        return "error" if self._broke else self._status


def _headline(step: Step, spec: JobSpec) -> str:
    if step.uses == "git-checkout":
        return f"git-checkout {public_url(spec.source.repository_url)} {spec.source.commit[:12]}"
    lines = (step.run or "").strip().splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} (+{len(lines) - 1} lines)"


def _clock_us() -> int:
    return time.time_ns() // 1000
