"""A running step: its output flows into the log; it ends by itself, by its timeout, or because it was stopped."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from agents.executors.base import LimitHits, SandboxProcess
from agents.job_log import JobLog
from agents.output_pump import OutputPump

StopReason = Literal["timeout", "cancelled", "spool-full"]
TIMEOUT_GRACE_SECONDS = 10
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class StepEnd:
    """`reason` is empty for success; `text` says more where there is more to say."""

    exit_code: int | None
    reason: str
    text: str = ""

    @property
    def ok(self) -> bool:
        return not self.reason


class StepProcess:
    """Stops reading while the spool has no room, so a step that writes too fast waits in its own pipe."""

    def __init__(self, process: SandboxProcess, log: JobLog) -> None:
        self._process = process
        self._stop_reason: StopReason | None = None
        self._killer: asyncio.TimerHandle | None = None
        self._pump = OutputPump(process, log.write, log.has_room, log.wait_for_room)

    async def finished(self, timeout_seconds: float) -> StepEnd:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(timeout_seconds, self.stop, "timeout", TIMEOUT_GRACE_SECONDS)
        self._pump.start()
        try:
            code = await self._process.wait()
            await self._drain()
        finally:
            timer.cancel()
            if self._killer is not None:
                self._killer.cancel()
        return self._end(code, timeout_seconds)

    def stop(self, reason: StopReason, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL after the grace. A second call may only shorten the grace."""
        self._stop_reason = self._stop_reason or reason
        if self._killer is not None:
            self._killer.cancel()
        if grace_seconds > 0:
            self._process.terminate()
        self._killer = asyncio.get_running_loop().call_later(grace_seconds, self._process.kill)

    async def _drain(self) -> None:
        """Read what is left; a cancelled step's reader doesn't wait for room for ever."""
        wait = DRAIN_SECONDS if self._stop_reason else None
        try:
            await asyncio.wait_for(self._pump.drained(), wait)
        except TimeoutError:
            self._pump.stop()

    def _end(self, code: int, timeout_seconds: float) -> StepEnd:
        code = 128 - code if code < 0 else code
        if self._stop_reason == "timeout":
            return StepEnd(code, "timeout", f"Stopped after {timeout_seconds:.0f} s: the timeout is over.")
        if self._stop_reason is not None:
            return StepEnd(code, self._stop_reason)
        return explain_end(code, self._process.limit_hits())


def explain_end(code: int, hits: LimitHits) -> StepEnd:
    """What the exit code and the limits say. A step that coped with a limit has succeeded."""
    notes = []
    if hits.out_of_memory:
        notes.append("A process was killed: the job's memory limit is reached.")
    if hits.processes_refused:
        notes.append(f"The job's limit of processes was reached; {hits.processes_refused} were not started.")
    if code == 0:
        return StepEnd(0, "", " ".join(notes))
    reason = "oom-killed" if hits.out_of_memory else "process-limit" if hits.processes_refused else "exit-code"
    return StepEnd(code, reason, " ".join([*notes, f"Exit code {code}."]))
