"""What a job says about itself: reliable messages into its spool, in order."""

from collections.abc import Callable
from datetime import datetime

from agents.job_verdict import Verdict
from agents.log_spool import LogSpool
from core.protocol.messages import JobFinished, ReliableMessage, StepFinished, StepStarted, encode
from core.runs.spec import LogSummary, StepResult


class Reports:
    """`written` is called after each message, so that the sender wakes up."""

    def __init__(self, spool: LogSpool, now: Callable[[], datetime], written: Callable[[], None]) -> None:
        self._spool = spool
        self._now = now
        self._written = written

    def step_started(self, index: int) -> datetime:
        at = self._now()
        key, epoch = self._spool.attempt_key, self._spool.epoch
        self._append(lambda number: StepStarted(number=number, attempt_key=key, epoch=epoch, index=index, at=at))
        return at

    def step_ended(self) -> datetime:
        return self._now()

    def step_finished(self, result: StepResult) -> None:
        key, epoch, at = self._spool.attempt_key, self._spool.epoch, self._now()
        self._append(lambda number: StepFinished(number=number, attempt_key=key, epoch=epoch, at=at, result=result))

    def job_finished(
        self,
        verdict: Verdict,
        steps: tuple[StepResult, ...],
        outputs: dict[str, str],
        log: LogSummary,
    ) -> None:
        """The last word. Afterwards the spool only waits for acknowledgements."""
        self._append(
            lambda number: JobFinished(
                number=number,
                attempt_key=self._spool.attempt_key,
                epoch=self._spool.epoch,
                outcome=verdict.outcome,
                reason=verdict.reason,
                detail=verdict.detail,
                steps=steps,
                outputs=outputs,
                log=log,
            )
        )
        self._spool.finished = True

    def _append(self, make: Callable[[int], ReliableMessage]) -> None:
        self._spool.append_last(lambda number: encode(make(number)))
        self._written()
