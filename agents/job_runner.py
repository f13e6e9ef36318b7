"""Runs one attempt of a job from set-up to clean-up. The end is always reported, and clean-up always runs."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from agents.checkout import GIT_CONFIG, fetchable
from agents.executors.base import Executor, JobRequest, Sandbox, SandboxError
from agents.job_log import JobLog
from agents.job_steps import JobSteps
from agents.job_verdict import Verdict
from agents.log_spool import LogSpool
from agents.reports import Reports
from agents.spool_store import SpoolStore
from agents.workspace import WorkspaceError, create_job_directory, remove_job_directory
from core.runs.spec import JobSpec

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
    """One attempt. `run()` returns when it is over and reported; `cancel` and `kill` may come at any time."""

    def __init__(self, spec: JobSpec, slot: int, spool: LogSpool, tools: JobTools) -> None:
        self.spec = msgspec.structs.replace(spec, source=fetchable(spec.source, tools.gateway_url))
        self.slot = slot
        self._tools = tools
        self._verdict = Verdict()
        self._log = JobLog(spool, spec.max_log_bytes, _clock_us, tools.store, self._spool_is_full)
        self._reports = Reports(spool, tools.now, tools.store.written)
        self._steps = JobSteps(self.spec, self._verdict, self._log, self._reports, tools.machine)

    async def run(self) -> None:
        outputs: dict[str, str] = {}
        directory: Path | None = None
        try:
            self._check_job()
            directory = create_job_directory(self._tools.jobs, self.spec.attempt_key)
            outputs = await self._run_in(directory)
        except _Refused as error:
            self._breaks("refused", str(error))
        except (WorkspaceError, SandboxError, OSError) as error:
            self._breaks("setup-failed", str(error))
        except Exception as error:
            log.exception("%s ended in an error of the agent", self.spec.attempt_key)
            self._breaks("agent-error", f"{type(error).__name__}: {error}")
        finally:
            if directory is not None:
                await self._remove(directory)
            summary = self._log.close()
            self._reports.job_finished(self._verdict, tuple(self._steps.results), outputs, summary)

    def cancel(self, grace_seconds: int) -> None:
        """SIGTERM to the running step now, SIGKILL after the grace; later steps run only if they ask for it."""
        if self._verdict.status != "cancelled":
            self._verdict.cancel()
            self._log.system("The job was cancelled.")
        self._steps.stop("cancelled", grace_seconds)

    def kill(self) -> None:
        """SIGKILL at once, and no step after it: the attempt is somebody else's, or the agent's time is over."""
        self._verdict.cancel()
        self._steps.stop_for_good("cancelled")

    async def _run_in(self, directory: Path) -> dict[str, str]:
        isolation = self._tools.executor.isolation
        self._log.system(
            f"Job {self.spec.name} of {self.spec.app}, attempt {self.spec.attempt}; isolation: {isolation.kind}"
        )
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
            return await self._steps.run(sandbox, directory)
        finally:
            await self._close(sandbox)

    def _check_job(self) -> None:
        if self.spec.image and not self._tools.executor.runs_images:
            raise _Refused(
                f"the job asks for image '{self.spec.image}', but this agent runs jobs as processes of its machine: "
                "remove 'image', or choose a pool whose agents run containers"
            )

    def _spool_is_full(self, detail: str) -> None:
        """Going on without a log would look like silence."""
        self._verdict.breaks("spool-full", f"the agent has no room to keep the job's log: {detail}")
        self._steps.stop_for_good("spool-full")

    def _breaks(self, reason: str, detail: str) -> None:
        self._log.system(f"{reason}: {detail}")
        self._verdict.breaks(reason, detail)

    async def _close(self, sandbox: Sandbox) -> None:
        try:
            await sandbox.close()
        except (SandboxError, OSError):
            log.exception("the sandbox of %s was not given back wholly", self.spec.attempt_key)

    async def _remove(self, directory: Path) -> None:
        if not await asyncio.to_thread(remove_job_directory, directory):
            log.warning("%s could not be removed wholly; the next start tries again", directory)


class _Refused(Exception):
    """The executor can't run such a job."""


def _clock_us() -> int:
    return time.time_ns() // 1000
