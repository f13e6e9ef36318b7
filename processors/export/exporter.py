"""Writes the log into an object store: only what is new since the last time, and one consistent cut through it all.

Killed at any point it goes on where it was: segments are named by the manifest as they are written, and the cut is
replaced last. The order in which offsets are asked for makes the cut consistent: what a group had done is asked
first, so all that it has written is before the ends that are asked later; doing a little again is harmless.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from core.eventlog.chain import GENESIS
from core.eventlog.topics import COMMANDS_TOPICS, EVENTS_TOPICS, LOGS_TOPIC, Topology
from core.ports import Clock, LogReader, ObjectStore, Record, TopicAdmin, TopicPartition
from processors.chain_check import ChainCheck, Fault
from processors.export.manifest import (
    WHOLE_TOPICS,
    Attachment,
    Cut,
    ExportError,
    Manifest,
    Segment,
    load_manifest,
    new_manifest,
    save_manifest,
)
from processors.export.segments import digest, encode_records, read_segment, segment_key
from processors.log_range import LogRange

SEGMENT_BYTES = 8 << 20
# A last segment smaller than this is written again with what follows it: many small exports make few objects.
MERGE_BYTES = 1 << 20
SAVE_EVERY = 8
READ_SECONDS = 30.0
Progress = Callable[[int, int], None]
Attach = Callable[[ObjectStore], tuple[Attachment, ...]]


@dataclass
class Exported:
    """What one call did."""

    records: int = 0
    segments: int = 0
    bytes: int = 0
    pending: int = 0
    manifest: Manifest | None = None


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Whose offsets belong to a cut: `processors` decide the commands, `archiver` empties the logs topic."""

    processors: str
    archiver: str
    connectors: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Exporter:
    """`new_reader` must make readers whose bounds() wait until nothing below the end is undecided."""

    def __init__(
        self,
        topology: Topology,
        new_reader: Callable[[], LogReader],
        admin: TopicAdmin,
        objects: ObjectStore,
        clock: Clock,
        groups: Groups,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._topology = topology
        self._log = LogRange(new_reader, clock, READ_SECONDS)
        self._admin = admin
        self._objects = objects
        self._clock = clock
        self._groups = groups
        self._segment_bytes = segment_bytes
        self._result = Exported()
        self._unsaved = 0

    def run(self, progress: Progress = lambda done, total: None, attach: Attach = lambda objects: ()) -> Exported:
        """Raises ExportError (export-of-another, log-damaged) or LogUnavailable."""
        self._manifest = self._open()
        taken_at = self._clock.now()
        dealt_with = self._offsets(self._groups.processors, COMMANDS_TOPICS)
        dealt_with |= self._offsets(self._groups.archiver, (LOGS_TOPIC,))
        connectors = {name: self._offsets(name, topics) for name, topics in self._groups.connectors.items()}
        ends = {where: self._log.bounds(where)[1] for where in self._partitions(WHOLE_TOPICS)}
        open_ranges = self._open_ranges(dealt_with)
        total = sum(end - self._exported(where) for where, end in ends.items())
        for where, end in ends.items():
            self._export(where, end, lambda: progress(self._result.records, total))
        cut = Cut(
            taken_at=taken_at,
            ends=tuple((*where, end) for where, end in ends.items()),
            groups={name: tuple((*where, at) for where, at in found.items()) for name, found in connectors.items()},
            pending=tuple(self._pending(open_ranges, f"pending/{taken_at:%Y%m%dT%H%M%S.%fZ}")),
            attachments=attach(self._objects),
        )
        self._save(cut=cut)
        self._clean_up()
        self._result.manifest = self._manifest
        return self._result

    def close(self) -> None:
        self._log.close()

    def _open(self) -> Manifest:
        """The manifest to go on with."""
        found = load_manifest(self._objects) or new_manifest(self._topology)
        regions = self._topology.regions[: len(found.regions)]
        if (regions, self._topology.partitions_per_region) != (found.regions, found.partitions_per_region):
            raise ExportError(
                "export-of-another",
                f"the export there has regions {', '.join(found.regions)} x {found.partitions_per_region}, this "
                f"installation {', '.join(self._topology.regions)} x {self._topology.partitions_per_region}: choose "
                "another place",
            )
        current = new_manifest(self._topology)
        return msgspec.structs.replace(current, segments=found.segments, cut=found.cut)

    def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in topics for number in range(self._topology.partitions)]

    def _offsets(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return self._admin.group_offsets(group, self._partitions(topics))

    def _open_ranges(self, dealt_with: Mapping[TopicPartition, int]) -> dict[TopicPartition, tuple[int, int]]:
        """What of commands and logs nobody has dealt with."""
        found = {}
        for where in self._partitions((*COMMANDS_TOPICS, LOGS_TOPIC)):
            first, end = self._log.bounds(where)
            found[where] = (max(first, dealt_with.get(where, first)), end)
        return found

    def _exported(self, where: TopicPartition) -> int:
        """The next offset that is in no segment yet."""
        return max((each.next for each in self._manifest.of(where)), default=0)

    def _export(self, where: TopicPartition, end: int, report: Callable[[], None]) -> None:
        segments = self._manifest.of(where)
        last = segments[-1] if segments else None
        start = last.next if last else 0
        if start > end:
            raise ExportError(
                "export-of-another",
                f"the export holds {where.topic}:{where.partition} up to offset {start - 1}, the log ends at {end}: "
                "it is not the log that was exported, or it lost its end",
            )
        chain = ChainCheck(last.after if last else GENESIS) if where.topic in EVENTS_TOPICS else None
        held: list[Record] = []
        merged = last if last is not None and last.bytes < MERGE_BYTES and start < end else None
        if merged is not None:
            held, start = read_segment(self._objects, merged), merged.first
        before = (merged.before if merged else last.after if last else GENESIS) if chain else ""
        size = sum(_size(record) for record in held)
        for records in self._log.read(where, last.next if last else 0, end):
            if chain is not None:
                _insist((*chain.take(records), *chain.end()))
            for record in records:
                held.append(record)
                size += _size(record)
            self._result.records += len(records)
            report()
            if size >= self._segment_bytes:
                after = held[-1].offset + 1
                before = self._keep(where, held, start, after, before, chain, merged)
                held, size, start, merged = [], 0, after, None
        if start < end:
            self._keep(where, held, start, end, before, chain, merged)

    def _keep(
        self,
        where: TopicPartition,
        records: Sequence[Record],
        first: int,
        after: int,
        before: str,
        chain: ChainCheck | None,
        replaces: Segment | None,
    ) -> str:
        """A segment written and named. Answers with the chain value after it."""
        head = chain.head or "" if chain else ""
        segment = self._write("segments", where, records, first, after, before, head)
        others = tuple(each for each in self._manifest.segments if each != replaces)
        self._manifest = msgspec.structs.replace(self._manifest, segments=(*others, segment))
        self._unsaved += 1
        if self._unsaved >= SAVE_EVERY:
            self._save()
        return head

    def _write(
        self, folder: str, where: TopicPartition, records: Sequence[Record], first: int, after: int, *chain: str
    ) -> Segment:
        data = encode_records(records)
        key = segment_key(folder, where, first, after)
        self._objects.put(key, data)
        self._result.segments += 1
        self._result.bytes += len(data)
        before, head = chain or ("", "")
        return Segment(
            key=key,
            topic=where.topic,
            partition=where.partition,
            first=first,
            next=after,
            records=len(records),
            bytes=len(data),
            sha256=digest(data),
            before=before,
            after=head,
        )

    def _pending(self, ranges: Mapping[TopicPartition, tuple[int, int]], folder: str) -> Iterator[Segment]:
        for where, (first, end) in ranges.items():
            for records in self._log.read(where, first, end):
                self._result.pending += len(records)
                yield self._write(folder, where, records, records[0].offset, records[-1].offset + 1)

    def _save(self, cut: Cut | None = None) -> None:
        """What is named is there: objects come before the manifest."""
        if cut is not None:
            self._manifest = msgspec.structs.replace(self._manifest, cut=cut)
        save_manifest(self._objects, self._manifest)
        self._unsaved = 0

    def _clean_up(self) -> None:
        """Objects that the manifest no longer names: replaced ones, and those of a call that was killed."""
        cut = self._manifest.cut
        assert cut is not None
        named = {each.key for each in (*self._manifest.segments, *cut.pending)}
        for folder in ("segments/", "pending/"):
            for key in self._objects.keys(folder):
                if key not in named:
                    self._objects.delete(key)


def _insist(faults: Sequence[Fault]) -> None:
    for fault in faults:
        raise ExportError("log-damaged", f"{fault.position}: {fault.detail}; an export would keep the damage")


def _size(record: Record) -> int:
    return len(record.value or b"") + len(record.key or b"") + 16
