"""Writes an export into the empty topics of a fresh installation: every record at the offset it had.

Where the log had a transaction marker or an aborted record, a gap is written in its place (core.ports.is_gap), so
that all that names an offset (histories, views, tokens, groups) stays right. Killed, it goes on where it was.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from core.eventlog.topics import COMMANDS_TOPICS, Topology
from core.ports import LogReader, ObjectStore, OutgoingRecord, Producer, Record, TopicAdmin, TopicPartition
from processors.export.check import complete_manifest
from processors.export.manifest import ExportError, Manifest, known_versions
from processors.export.segments import read_segment

BATCH = 5000
Progress = Callable[[int, int], None]


class Importer:
    """`processors` is the group that decides commands."""

    def __init__(
        self,
        topology: Topology,
        reader: LogReader,
        producer: Producer,
        admin: TopicAdmin,
        objects: ObjectStore,
        processors: str,
    ) -> None:
        self._topology = topology
        self._reader = reader
        self._producer = producer
        self._admin = admin
        self._objects = objects
        self._processors = processors
        self.records = 0

    def run(self, progress: Progress = lambda done, total: None) -> Manifest:
        """Raises ExportError (export-*, installation-not-fresh) or LogUnavailable."""
        manifest = complete_manifest(self._objects)
        assert manifest.cut is not None
        self._insist_that_it_fits(manifest)
        self._insist_on_idle_processors()
        total = sum(end for _, _, end in manifest.cut.ends)
        done = 0
        for topic, number, end in manifest.cut.ends:
            self._restore(manifest, TopicPartition(topic, number), end, partial(_report, progress, done, total))
            done += end
        self._restore_pending(manifest)
        for group, offsets in manifest.cut.groups.items():
            self._admin.set_group_offsets(group, {TopicPartition(topic, number): at for topic, number, at in offsets})
        return manifest

    def _insist_that_it_fits(self, manifest: Manifest) -> None:
        regions = self._topology.regions[: len(manifest.regions)]
        if (regions, self._topology.partitions_per_region) != (manifest.regions, manifest.partitions_per_region):
            raise ExportError(
                "export-of-another",
                f"set SEALANE_REGIONS={','.join(manifest.regions)} and SEALANE_PARTITIONS_PER_REGION="
                f"{manifest.partitions_per_region}, as where the export was made (further regions may follow)",
            )
        known = known_versions()
        for name, version in sorted(manifest.event_versions.items()):
            if version > known.get(name, 0):
                raise ExportError(
                    "export-too-new",
                    f"the export may hold '{name}' version {version}, this code knows {known.get(name, 'none')}: "
                    "restore it with the version of Sealane that made it, or a newer one",
                )

    def _insist_on_idle_processors(self) -> None:
        commands = [TopicPartition(topic, n) for topic in COMMANDS_TOPICS for n in range(self._topology.partitions)]
        if self._admin.group_offsets(self._processors, commands):
            raise ExportError(
                "installation-not-fresh",
                "processors have worked on this Kafka already: restore into one without `sealane.*` topics and groups",
            )

    def _restore(self, manifest: Manifest, where: TopicPartition, end: int, report: Callable[[int], None]) -> None:
        at = self._present(manifest, where, end)
        batch: list[OutgoingRecord] = []
        for record in self._records(manifest, where, at, end):
            batch += [OutgoingRecord(*where, None, None)] * (record.offset - at)
            batch.append(OutgoingRecord(*where, record.key, record.value, record.headers))
            self.records += 1
            at = record.offset + 1
            if len(batch) >= BATCH:
                self._write(where, batch, at)
                batch = []
                report(at)
        batch += [OutgoingRecord(*where, None, None)] * (end - at)
        self._write(where, batch, end)
        report(end)

    def _present(self, manifest: Manifest, where: TopicPartition, end: int) -> int:
        """How far an earlier call came. Refuses what is not the beginning of this export."""
        _, present = self._reader.bounds(where)
        if not present:
            return 0
        theirs = self._last(where, present)
        ours = next(self._records(manifest, where, theirs.offset, theirs.offset + 1), None) if theirs else None
        if present > end or (theirs is not None and (ours is None or ours.value != theirs.value)):
            raise ExportError(
                "installation-not-fresh",
                f"{where.topic}:{where.partition} holds other records already: "
                "restore into a Kafka without `sealane.*` topics",
            )
        return present

    def _last(self, where: TopicPartition, end: int) -> Record | None:
        """The last record before `end`, which gaps may follow."""
        start = end
        while start > 0:
            start = max(0, start - BATCH)
            self._reader.assign({where: start})
            found: list[Record] = []
            while self._reader.positions()[where] < end:
                found += self._reader.poll(BATCH, 1.0)
            self._reader.assign({})
            if found:
                return found[-1]
        return None

    def _records(self, manifest: Manifest, where: TopicPartition, first: int, end: int) -> Iterator[Record]:
        for segment in manifest.of(where):
            if segment.next > first and segment.first < end:
                for record in read_segment(self._objects, segment):
                    if first <= record.offset < end:
                        yield record

    def _restore_pending(self, manifest: Manifest) -> None:
        """At new offsets: nothing names those of commands and logs."""
        assert manifest.cut is not None
        skip: dict[TopicPartition, int] = {}
        for segment in manifest.cut.pending:
            where = segment.where
            present = skip.setdefault(where, self._reader.bounds(where)[1])
            records = read_segment(self._objects, segment)
            skip[where] = max(0, present - len(records))
            self._producer.send_all(
                OutgoingRecord(*where, each.key, each.value, each.headers) for each in records[present:]
            )

    def _write(self, where: TopicPartition, batch: Iterable[OutgoingRecord], end: int) -> None:
        positions = self._producer.send_all(batch)
        if positions and positions[-1].offset != end - 1:
            raise ExportError(
                "offsets-moved",
                f"{where.topic}:{where.partition}: a record landed at offset {positions[-1].offset}, not at {end - 1}: "
                "somebody else writes into this log; remove the topics, stop everything else and restore again",
            )


def _report(progress: Progress, before: int, total: int, at: int) -> None:
    progress(before + at, total)
