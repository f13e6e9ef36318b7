"""The steps of one attempt, one after the other, in a sandbox that is already there."""

import asyncio
import time
from pathlib import Path

from agents.checkout import CheckoutError, explain_exit, public_url
from agents.executors.base import Sandbox, SandboxError
from agents.job_log import JobLog
from agents.job_verdict import Verdict
from agents.outputs import OutputError, read_outputs
from agents.reports import Reports
from agents.step_command import StepError, step_command
from agents.step_process import StepEnd, StepProcess, StopReason
from core.pipeline.plan import Step
from core.runs.spec import JobSpec, StepOutcome, StepResult

# Steps that run although the job failed, timed out or was cancelled have this long; the Run waits a minute for us.
CLEANUP_SECONDS = 30.0
_SKIPPED = {
    "success": "its condition is false",
    "failure": "the job has failed",
    "cancelled": "the job was cancelled",
}


class JobSteps:
    """`stop` may come at any time; `results` are those of the steps so far."""

    def __init__(self, spec: JobSpec, verdict: Verdict, log: JobLog, reports: Reports, machine: dict[str, str]) -> None:
        self._spec = spec
        self._verdict = verdict
        self._log = log
        self._reports = reports
        self._machine = machine
        self._deadline = time.monotonic() + spec.timeout_seconds
        self._current: StepProcess | None = None
        self._stops: list[tuple[StopReason, float]] = []
        self._out_of_time = False
        self._over = False
        self.results: list[StepResult] = []

    def stop(self, reason: StopReason, grace_seconds: float) -> None:
        """SIGTERM to the running step now, SIGKILL after the grace."""
        self._stops.append((reason, grace_seconds))
        self._out_of_time = True
        self._deadline = min(self._deadline, time.monotonic() + grace_seconds + CLEANUP_SECONDS)
        if self._current is not None:
            self._current.stop(reason, grace_seconds)

    def stop_for_good(self, reason: StopReason) -> None:
        """SIGKILL, and no step after it, whatever its `if` says."""
        self._over = True
        self.stop(reason, 0)

    async def run(self, sandbox: Sandbox, directory: Path) -> dict[str, str]:
        """Runs every step whose condition holds; answers with the job's outputs."""
        for index, step in enumerate(self._spec.steps):
            await self._step(index, step, sandbox, directory)
        return self._outputs(directory)

    async def _step(self, index: int, step: Step, sandbox: Sandbox, directory: Path) -> None:
        self._check_deadline()
        if self._over or self._verdict.status not in step.when:
            self._skip(index, step)
            return
        self._log.begin_step(index)
        started_at = self._reports.step_started(index)
        end = await self._run_step(index, step, sandbox, directory)
        self._log.end_streams()
        if end.text:
            self._log.system(end.text)
        self._log.begin_step(-1)
        result = StepResult(
            index, step.name, _outcome(end), end.exit_code, end.reason, started_at, self._reports.step_ended()
        )
        self.results.append(result)
        self._reports.step_finished(result)
        if not end.ok and not step.continue_on_error and end.reason != "cancelled":
            self._verdict.fail(end.reason, f"step '{step.name}': {end.text or end.reason}")

    def _check_deadline(self) -> None:
        """The job's time is over: from now on only what cleans up runs, and not for long."""
        if time.monotonic() < self._deadline:
            return
        self._over = self._over or self._out_of_time
        self._out_of_time = True
        self._verdict.fail("timeout", f"the job took longer than {self._spec.timeout_seconds} s")
        self._deadline = time.monotonic() + CLEANUP_SECONDS

    def _skip(self, index: int, step: Step) -> None:
        why = "no time is left for it" if self._over else _SKIPPED[self._verdict.status]
        result = StepResult(index, step.name, "skipped", reason=why)
        self.results.append(result)
        self._reports.step_finished(result)

    async def _run_step(self, index: int, step: Step, sandbox: Sandbox, directory: Path) -> StepEnd:
        stops = len(self._stops)
        self._log.system(f"$ {_headline(step, self._spec)}")
        try:
            command = step_command(self._spec, index, step, sandbox.paths, directory / "scripts", self._machine)
            process = await sandbox.run(command)
        except (StepError, CheckoutError, SandboxError, OSError) as error:
            return StepEnd(None, "setup-failed", str(error))
        self._current = StepProcess(process, self._log)
        # A stop that came while the process was being started has not reached it.
        for reason, grace_seconds in self._stops[stops:]:
            self._current.stop(reason, grace_seconds)
        try:
            end = await self._current.finished(self._seconds_left(step))
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            self._current = None
        if step.uses == "git-checkout" and end.reason == "exit-code":
            return StepEnd(end.exit_code, "setup-failed", explain_exit(end.exit_code or 0, self._spec.source))
        return end

    def _seconds_left(self, step: Step) -> float:
        left = max(0.0, self._deadline - time.monotonic())
        return min(left, step.timeout_seconds) if step.timeout_seconds else left

    def _outputs(self, directory: Path) -> dict[str, str]:
        try:
            return read_outputs(directory / "output" / "values")
        except OutputError as error:
            self._log.system(str(error))
            self._verdict.fail("output-invalid", str(error))
            return {}


def _outcome(end: StepEnd) -> StepOutcome:
    if end.ok:
        return "success"
    return "cancelled" if end.reason == "cancelled" else "failure"


def _headline(step: Step, spec: JobSpec) -> str:
    if step.uses is not None:
        return f"{step.uses} {public_url(spec.source.repository_url)} {spec.source.commit[:12]}"
    lines = (step.run or "").strip().splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} (+{len(lines) - 1} lines)"
