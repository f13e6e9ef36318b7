"""Who speaks for a deployment has the epoch of its lock, and answers what was asked last."""

from typing import Any

from core.eventlog.envelope import CommandEnvelope
from core.ports import Record
from tests.simulation.checks.observer import Check, Seen, data_of

# What each word of a deployer or sampler leads to.
_LEADS_TO = {
    "deployment.report_target": ("deployment.step_reached", "deployment.action_failed"),
    "deployment.report_health": ("deployment.health_reported",),
    "deployment.record_sample": ("deployment.sample_recorded",),
}


class ReportsCheck(Check):
    """`live` has the epoch and the last action of each deployment that has not ended."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, tuple[int, int]] = {}
        self._words: dict[str, tuple[str, dict[str, Any]]] = {}

    def command(self, record: Record, command: CommandEnvelope) -> None:
        if command.type in _LEADS_TO:
            self._words[command.command_id] = command.type, data_of(command.data)

    def event(self, seen: Seen) -> None:
        stream = seen.event.stream
        match seen.event.type:
            case "deployment.started":
                self.live[stream] = seen.data["epoch"], 0
            case "deployment.action_requested":
                self.live[stream] = seen.data["epoch"], seen.data["action"]
            case "deployment.finished":
                self.live.pop(stream, None)
            case event_type:
                self._check(stream, event_type, self._words.get(seen.event.causation_id))

    def _check(self, stream: str, event_type: str, word: tuple[str, dict[str, Any]] | None) -> None:
        if word is None or event_type not in _LEADS_TO[word[0]] or stream not in self.live:
            return
        said = word[1]["epoch"], word[1].get("action", self.live[stream][1])
        if said != self.live[stream]:
            self.wrong(f"{event_type} of {stream}: {said} was taken, while {self.live[stream]} was asked for")
