"""How an attempt stands while it runs, and what is said of it in the end. The first thing that goes wrong decides.

| why an attempt ends                       | outcome   | reason         |
|-------------------------------------------|-----------|----------------|
| all steps succeeded                       | success   |                |
| a step's exit code was not 0              | failure   | exit-code      |
| a step or the job took too long           | failure   | timeout        |
| memory ran out                            | failure   | oom-killed     |
| the limit of processes was reached        | failure   | process-limit  |
| a step can't be started, a checkout fails | failure   | setup-failed   |
| $OUTPUT is not what it must be            | failure   | output-invalid |
| the hub or the operator cancelled it      | cancelled | cancelled      |
| the executor can't run such a job         | error     | refused        |
| workspace or sandbox can't be made        | error     | setup-failed   |
| the spool's disk is full                  | error     | spool-full     |
| the agent itself went wrong               | error     | agent-error    |
"""

from core.pipeline.plan import Status
from core.runs.spec import Outcome


class Verdict:
    """`status` is what the `if` of the next step sees."""

    def __init__(self) -> None:
        self.status: Status = "success"
        self.reason = ""
        self.detail = ""
        self._broken = False

    def fail(self, reason: str, detail: str) -> None:
        """The job's own doing."""
        if self.status == "success":
            self.status, self.reason, self.detail = "failure", reason, detail

    def cancel(self) -> None:
        if not self._broken:
            self.status, self.reason, self.detail = "cancelled", "cancelled", ""

    def breaks(self, reason: str, detail: str) -> None:
        """Not the job's doing: it could not be run as it should."""
        if not self._broken and self.status != "cancelled":
            self._broken = True
            self.status, self.reason, self.detail = "failure", reason, detail

    @property
    def outcome(self) -> Outcome:
        return "error" if self._broken else self.status
