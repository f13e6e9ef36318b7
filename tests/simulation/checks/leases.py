"""Leases: no job runs in two live attempts, as the pool sees it; and who speaks for an attempt holds its lease."""

from typing import Any, NamedTuple

from core.eventlog.envelope import CommandEnvelope
from core.ids import split_attempt_key
from core.ports import Record
from tests.simulation.checks.observer import Check, Seen, data_of


class Lease(NamedTuple):
    """`accepted`: its agent may run the attempt."""

    epoch: int
    agent: str
    accepted: bool


class Word(NamedTuple):
    """What an agent reported."""

    job: str
    attempt: int
    epoch: int
    agent: str


class LeasesCheck(Check):
    """`ended` has the time at which a lease (attempt key, epoch) that had been accepted was over."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, Lease] = {}
        self.ended: dict[tuple[str, int], float] = {}
        self.now = 0.0
        self._words: dict[str, Word] = {}
        # What the Run says of a job: (attempt, epoch, agent) of the attempt that runs.
        self._running: dict[str, tuple[int, int, str]] = {}
        self._recent: dict[str, tuple[int, str]] = {}

    def known(self) -> list[tuple[str, int, str]]:
        """(attempt key, epoch, agent) of leases there are or were."""
        return [(key, epoch, agent) for key, (epoch, agent) in list(self._recent.items())[-30:]]

    def command(self, record: Record, command: CommandEnvelope) -> None:
        if command.type in ("step.report", "job.finish"):
            data = data_of(command.data)
            self._words[command.command_id] = Word(
                f"{command.stream}/{data['job_id']}", data["attempt"], data["epoch"], data["agent_id"]
            )

    def event(self, seen: Seen) -> None:
        handler = _HANDLERS.get(seen.event.type)
        if handler is not None:
            handler(self, seen, seen.data)

    def _granted(self, seen: Seen, data: dict[str, Any]) -> None:
        key = data["attempt_key"]
        if key in self.live:
            self.wrong(f"{key} is offered to {data['agent_id']} while {self.live[key]} is live")
        self.live[key] = Lease(data["epoch"], data["agent_id"], False)
        self._recent.pop(key, None)
        self._recent[key] = (data["epoch"], data["agent_id"])

    def _accepted(self, seen: Seen, data: dict[str, Any]) -> None:
        key, lease = data["attempt_key"], self.live.get(data["attempt_key"])
        if lease is None or (lease.epoch, lease.agent) != (data["epoch"], data["agent_id"]):
            self.wrong(f"{key} is accepted by {data['agent_id']} under epoch {data['epoch']}; the lease is {lease}")
            return
        job = key.rpartition("/")[0]
        for other, its in self.live.items():
            if its.accepted and other != key and other.rpartition("/")[0] == job:
                self.wrong(f"{key} is accepted while {other} is live: {its}")
        self.live[key] = lease._replace(accepted=True)

    def _over(self, seen: Seen, data: dict[str, Any]) -> None:
        lease = self.live.pop(data["attempt_key"], None)
        if lease is None:
            self.wrong(f"{seen.event.type} of {data['attempt_key']}, which has no lease")
        elif lease.accepted:
            self.ended[data["attempt_key"], lease.epoch] = self.now

    def _started(self, seen: Seen, data: dict[str, Any]) -> None:
        job = f"{seen.event.stream}/{data['job_id']}"
        if job in self._running:
            self.wrong(f"{job} starts attempt {data['attempt']} while {self._running[job]} is running")
        self._running[job] = (data["attempt"], data["epoch"], data["agent_id"])

    def _word(self, seen: Seen, data: dict[str, Any]) -> None:
        job = f"{seen.event.stream}/{data['job_id']}"
        word = self._words.get(seen.event.causation_id)
        running = self._running.get(job)
        # What follows for other jobs of the stage is no word about them.
        if word is not None and word.job == job and (word.attempt, word.epoch, word.agent) != running:
            self.wrong(f"{seen.event.type} of {job}: {word} was taken, while {running} held the lease")
        if seen.event.type == "job.finished":
            self._running.pop(job, None)

    def job_of(self, attempt_key: str) -> str:
        run, job, _ = split_attempt_key(attempt_key)
        return f"{run}/{job}"


_HANDLERS: dict[str, Any] = {
    "lease.granted": LeasesCheck._granted,
    "lease.accepted": LeasesCheck._accepted,
    "lease.returned": LeasesCheck._over,
    "lease.released": LeasesCheck._over,
    "lease.lost": LeasesCheck._over,
    "job.started": LeasesCheck._started,
    "step.started": LeasesCheck._word,
    "step.finished": LeasesCheck._word,
    "job.finished": LeasesCheck._word,
}
