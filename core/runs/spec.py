"""What an agent is asked to execute: one attempt of one job, complete in itself, and what it reports back."""

from datetime import datetime
from typing import Literal

import msgspec

from core.pipeline.plan import Resources, Step

Outcome = Literal["success", "failure", "cancelled", "error"]
StepOutcome = Literal["success", "failure", "cancelled", "skipped"]


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where `git-checkout` gets the commit. `ref` helps forges that refuse to serve a bare commit id."""

    repository_url: str
    commit: str
    ref: str = ""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt. `env` holds the pipeline's variables and the standard ones (CI, RUN_ID, ...) as text.

    `max_log_bytes` is where the log is cut off, on record; the hub that offers the attempt puts its setting there.
    """

    run_id: str
    job_id: str
    attempt: int
    app: str
    stage: str
    name: str
    source: Source
    env: dict[str, str]
    steps: tuple[Step, ...]
    timeout_seconds: int
    resources: Resources = Resources()
    network: Literal["none", "egress"] = "egress"
    image: str | None = None
    max_log_bytes: int = 1 << 30

    @property
    def attempt_key(self) -> str:
        return f"{self.run_id}/{self.job_id}/{self.attempt}"


class StepResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a step ended. `index` counts from 0; `exit_code` is None where no process ran or a signal ended it."""

    index: int
    name: str
    outcome: StepOutcome
    exit_code: int | None = None
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class LogSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the agent sent of the job's log: chunks 0..chunks-1; `dropped_bytes` > 0 is a truncation, on record."""

    chunks: int = 0
    lines: int = 0
    bytes: int = 0
    dropped_bytes: int = 0
