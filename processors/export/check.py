"""Whether an export is whole and unaltered, from its files alone."""

import zlib
from collections.abc import Callable, Iterator

import msgspec

from core.eventlog.chain import GENESIS
from core.eventlog.envelope import Position
from core.eventlog.topics import EVENTS_TOPICS
from core.ports import ObjectStore, Record, TopicPartition
from processors.chain_check import ChainCheck, Fault
from processors.export.manifest import Attachment, ExportError, Manifest, Segment, load_manifest
from processors.export.segments import decode_records, digest

Progress = Callable[[int, int], None]


class ExportCheck:
    """`records` counts what was looked at."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self.records = 0

    def run(self, progress: Progress = lambda done, total: None) -> Iterator[Fault]:
        """Every fault, with the topic, partition and offset. Raises ExportError where there is no complete export."""
        manifest = complete_manifest(self._objects)
        assert manifest.cut is not None
        total = sum(each.records for each in manifest.segments)
        for topic, number, end in manifest.cut.ends:
            yield from self._partition(
                manifest, TopicPartition(topic, number), end, lambda: progress(self.records, total)
            )
        for segment in manifest.cut.pending:
            _, faults = self._read(segment)
            yield from faults
        for attachment in manifest.cut.attachments:
            yield from self._attachment(attachment)

    def _partition(
        self, manifest: Manifest, where: TopicPartition, end: int, report: Callable[[], None]
    ) -> Iterator[Fault]:
        chain = ChainCheck() if where.topic in EVENTS_TOPICS else None
        at, head = 0, GENESIS
        for segment in manifest.of(where):
            if segment.first != at:
                yield Fault(
                    Position(*where, at), "segment-missing", f"the export has nothing up to {segment.first - 1}"
                )
            if chain is not None and segment.before != head:
                yield Fault(Position(*where, at), "chain-broken", f"{segment} does not follow the segment before it")
            records, faults = self._read(segment)
            yield from faults
            if chain is not None:
                yield from chain.take(records)
            at, head = segment.next, segment.after
            report()
        if chain is not None:
            yield from chain.end()
        if at < end:
            yield Fault(Position(*where, at), "segment-missing", f"the export must reach offset {end - 1}")

    def _read(self, segment: Segment) -> tuple[list[Record], list[Fault]]:
        """What can be read of it, so that the record that was altered can be named too."""
        place = Position(*segment.where, segment.first)
        try:
            data = self._objects.get(segment.key)
        except KeyError:
            return [], [Fault(place, "segment-missing", f"{segment}: the object is missing")]
        faults = []
        if digest(data) != segment.sha256:
            faults.append(Fault(place, "segment-altered", f"{segment}: its bytes are not those that were written"))
        try:
            records = decode_records(data, segment.where)
        except (zlib.error, msgspec.DecodeError) as error:
            return [], [*faults, Fault(place, "segment-unreadable", f"{segment}: {error}")]
        self.records += len(records)
        if len(records) != segment.records and not faults:
            faults.append(Fault(place, "segment-altered", f"{segment} holds {len(records)}, not {segment.records}"))
        return records, faults

    def _attachment(self, attachment: Attachment) -> Iterator[Fault]:
        place = Position(attachment.key, 0, 0)
        try:
            if digest(self._objects.get(attachment.key)) != attachment.sha256:
                yield Fault(place, "object-altered", "its bytes are not those that were written")
        except KeyError:
            yield Fault(place, "object-missing", "the object is missing")


def complete_manifest(objects: ObjectStore) -> Manifest:
    """Raises ExportError: export-missing, export-incomplete, export-unreadable, export-too-new."""
    manifest = load_manifest(objects)
    if manifest is None:
        raise ExportError("export-missing", "there is no export here (no manifest.json); `sealane export` makes one")
    if manifest.cut is None:
        raise ExportError("export-incomplete", "this export was never finished: call `sealane export` again")
    return manifest
