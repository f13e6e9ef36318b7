"""Exit codes and the one way a command ends in an error."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script can rely on. A waited-for run's own outcome is RUN_FAILED when it isn't success."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNAVAILABLE = 5
    INVALID_INPUT = 6
    INTERRUPTED = 130


# What to do about a refusal of the server, as a person at this terminal does it.
HINTS = {
    "agent-unknown": "'sealane agents' lists them",
    "app-unknown": "'sealane apps' lists them, 'sealane apps create' or a git push makes one",
    "cursor-invalid": "leave --cursor out to begin at the newest",
    "approval-not-pending": "'sealane approvals' lists what waits",
    "delivery-unknown": "'sealane deliveries' lists them",
    "deployment-unknown": "'sealane deployments' lists them",
    "environment-unknown": "'sealane envs' lists them",
    "gateway-unreachable": "'sealane up' starts it, 'sealane doctor' looks at this machine",
    "log-unavailable": "'sealane doctor' looks at Kafka",
    "notification-unknown": "'sealane subscriptions deliveries NAME' lists them",
    "release-unknown": "'sealane releases' lists them",
    "rollout-unknown": "'sealane envs' and 'sealane deployments' show what is under way",
    "run-unknown": "'sealane runs' lists them",
    "subscription-disabled": "'sealane subscriptions enable NAME'",
    "subscription-unknown": "'sealane subscriptions' lists them",
    "token-expired": "set SEALANE_TOKEN to a new one",
    "token-invalid": "is SEALANE_TOKEN of this installation? 'sealane up' writes the one of its own",
    "token-missing": "set SEALANE_TOKEN",
    "views-unavailable": "'sealane doctor' looks at Postgres",
}


class CliError(Exception):
    """Ends the command with one message: what, where, what to do."""

    def __init__(self, message: str, exit_code: Exit = Exit.REFUSED, code: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code

    @property
    def line(self) -> str:
        """The message with its hint and its code."""
        hint = f" ({HINTS[self.code]})" if self.code in HINTS else ""
        code = f" [{self.code}]" if self.code else ""
        return f"{self}{hint}{code}"
