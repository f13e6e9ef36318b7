"""The connector that reads pipeline files, over a real git repository: from `run.requested` to the answer."""

from datetime import UTC, datetime
from pathlib import Path

from agents.connectors.base import Later, Work
from agents.connectors.definition import Definition
from agents.connectors.mirror import Mirrors
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_command, encode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, commands_topic, events_topic
from core.ports import OutgoingRecord, Record
from core.runs.commands import COMMANDS
from core.runs.events import EVENTS, RunRequested
from core.trigger import Trigger
from infra.memory.clock import ManualClock
from tests.support.git_repository import WorkTree

TOPOLOGY = Topology(("us-east",))
RUN = "us-east-0123456789abcdef"


class World:
    """An origin that people push to, and the connector with its mirrors."""

    def __init__(self, folder: Path) -> None:
        self.tree = WorkTree(folder / "origin")
        self.url = f"file://{self.tree.path}"
        self.clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
        self.builtin = folder / "builtin"
        self.mirrors = Mirrors(folder / "mirrors", self.builtin, protocols=("file",))
        self.definition = Definition(TOPOLOGY, self.clock, self.mirrors)

    def requested(self, url: str = "", pipeline_path: str = ".pipeline.yml", **trigger: object) -> RunRequested:
        fields = {"source": "push", "ref": "refs/heads/main", "branch": "main", "commit": "", **trigger}
        return RunRequested(
            app="shop",
            number=3,
            trigger=Trigger(trigger_id="t", **fields),  # type: ignore[arg-type]
            repository_url=url or self.url,
            default_branch="main",
            pipeline_path=pipeline_path,
        )

    def work(self, event: RunRequested) -> Work:
        envelope = EventEnvelope(
            event_id="e-1",
            type=event.TYPE,
            schema_version=event.VERSION,
            stream=f"run/{RUN}",
            stream_version=1,
            recorded_at=self.clock.now(),
            region="us-east",
            actor="somebody",
            correlation_id="c" * 32,
            causation_id="x",
            chain="",
            data=EVENTS.encode(event),
        )
        work = self.definition.work(Record(events_topic("runs"), 0, 0, None, encode_event(envelope)))
        assert work is not None
        return work

    def answer(self, event: RunRequested) -> Message:
        result = self.work(event).run(1)
        assert not isinstance(result, Later)
        (record,) = result
        return command_of(record)


def command_of(record: OutgoingRecord) -> Message:
    envelope = decode_command(record.value or b"")
    assert (record.topic, envelope.stream) == (commands_topic("runs"), f"run/{RUN}")
    return COMMANDS.decode(envelope.type, 1, envelope.data)
