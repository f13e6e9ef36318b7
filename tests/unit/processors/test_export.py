"""An export holds the log, whole and checkable; restored, it is the same log, and work goes on in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.topics import COMMANDS_TOPICS, Topology
from core.pipeline.plan import Approval
from core.ports import Record, TopicPartition
from infra.memory.admin import MemoryTopicAdmin
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from infra.objects.filesystem import FilesystemObjects
from processors.chain_check import Fault
from processors.export.check import ExportCheck
from processors.export.exporter import Exported, Exporter, Groups
from processors.export.importer import Importer
from processors.export.manifest import (
    WHOLE_TOPICS,
    ExportError,
    Manifest,
    load_manifest,
    save_manifest,
)
from processors.export.segments import decode_records, digest, encode_records
from processors.kinds import Kinds
from processors.options import ProcessorOptions
from processors.replay import Replay
from tests.support.histories import new_log, stage
from tests.support.household import TOPOLOGY
from tests.support.workload import memory_workload

RUNS = TopicPartition("sealane.runs.events", 0)
GROUPS = Groups(
    processors="sealane-processors", archiver="sealane-log-archive", connectors={"sealane-definition": (RUNS.topic,)}
)
GATED = (stage("build"), stage("deploy", "build", approval=Approval(count=1)))


class Site:
    """A log with a workload, and where its export goes."""

    def __init__(self, folder: Path) -> None:
        self.log = new_log()
        self.objects = FilesystemObjects(folder)
        self.work = memory_workload(TOPOLOGY, self.log, stages=GATED)
        self.work.connect_agents()
        self.work.create_apps(3)
        self.work.settle()

    def push(self, *numbers: int) -> None:
        for number in numbers:
            self.work.push(number % 3, number)
        self.work.settle()

    def export(self, segment_bytes: int = 20_000, objects: FilesystemObjects | None = None) -> Exported:
        return exporter(self.log, objects or self.objects, segment_bytes).run()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "export")
    made.push(*range(6))
    return made


def exporter(log: MemoryLog, objects: FilesystemObjects, segment_bytes: int = 20_000) -> Exporter:
    return Exporter(
        TOPOLOGY,
        lambda: MemoryLogReader(log, "export", settled=True),
        MemoryTopicAdmin(log),
        objects,
        log.clock,
        GROUPS,
        segment_bytes,
    )


def restore(objects: FilesystemObjects, into: MemoryLog | None = None, topology: Topology = TOPOLOGY) -> MemoryLog:
    log = into or new_log()
    reader, producer = MemoryLogReader(log, "r"), MemoryProducer(log, "r")
    Importer(topology, reader, producer, MemoryTopicAdmin(log), objects, GROUPS.processors).run()
    return log


def whole_log(log: MemoryLog) -> list[tuple[Any, ...]]:
    """All that is kept, record for record and offset for offset."""
    partitions = [each for each in log.all_partitions() if each.topic in WHOLE_TOPICS]
    return [(*record[:6],) for each in partitions for record in log.partition(each).read(0, 10**9)[0]]


def faults(objects: FilesystemObjects) -> list[Fault]:
    return list(ExportCheck(objects).run())


def test_restored_log_is_the_same_offset_for_offset(site: Site) -> None:
    site.export()
    restored = restore(site.objects)
    assert whole_log(restored) == whole_log(site.log)
    assert all(
        restored.partition(each).end == site.log.partition(each).end
        for each in site.log.all_partitions()
        if each.topic in WHOLE_TOPICS
    )


def test_states_of_the_restored_log_are_the_same(site: Site) -> None:
    site.export()

    def digest_of(log: MemoryLog) -> str:
        kinds = Kinds(AGGREGATES, POLICIES)
        found = Replay(
            kinds, TOPOLOGY, lambda: MemoryLogReader(log, "x", settled=True), log.clock, ProcessorOptions()
        ).run(verify=True)
        assert found.faults == []
        return found.digest

    assert digest_of(restore(site.objects)) == digest_of(site.log)


def test_run_that_waited_for_approval_goes_on_to_its_success(site: Site) -> None:
    site.export()
    restored = restore(site.objects)
    restored.clock.advance(60)
    work = memory_workload(TOPOLOGY, restored, stages=GATED, resume=True)
    work.connect_agents("after the restore")
    work.settle()
    run = next(
        str(record[3].decode()).removeprefix("run/") for record in whole_log(restored) if record[0] == RUNS.topic
    )
    work.approve(run, "deploy")
    work.settle()
    assert work.finished == 1


def test_commands_that_were_not_decided_are_decided_after_the_restore(site: Site) -> None:
    for number in range(100, 103):
        site.work.push(number % 3, number)
    exported = site.export()
    assert exported.pending == 3
    restored = restore(site.objects)
    before = len(whole_log(restored))
    work = memory_workload(TOPOLOGY, restored, stages=GATED, resume=True)
    work.settle()
    asked = [event for event in whole_log(restored)[:] if b'"run.requested"' in event[4]]
    assert len(asked) == 9
    assert len(whole_log(restored)) > before


def test_commands_that_were_decided_are_not_decided_again(site: Site) -> None:
    """A backup asks first what was decided and then for the ends: what is decided in between comes twice."""
    decided = MemoryTopicAdmin(site.log).group_offsets(
        GROUPS.processors, [TopicPartition(topic, n) for topic in COMMANDS_TOPICS for n in range(TOPOLOGY.partitions)]
    )
    site.log.group(GROUPS.processors).offsets.update({where: max(0, at - 4) for where, at in decided.items()})
    assert site.export().pending > 0
    restored = restore(site.objects)
    before = whole_log(restored)
    memory_workload(TOPOLOGY, restored, stages=GATED, resume=True).settle()
    assert whole_log(restored) == before


def test_offsets_of_the_connectors_are_restored(site: Site) -> None:
    MemoryTopicAdmin(site.log).set_group_offsets("sealane-definition", {RUNS: 17})
    site.export()
    restored = restore(site.objects)
    assert MemoryTopicAdmin(restored).group_offsets("sealane-definition", [RUNS]) == {RUNS: 17}


def test_second_export_writes_only_what_is_new(site: Site) -> None:
    first = site.export()
    nothing = site.export()
    site.push(7)
    second = site.export()
    assert (nothing.records, nothing.segments) == (0, 0)
    assert 0 < second.records < first.records
    assert faults(site.objects) == []
    assert whole_log(restore(site.objects)) == whole_log(site.log)


def test_many_small_exports_make_few_objects(site: Site) -> None:
    for number in range(10, 20):
        site.push(number)
        site.export(segment_bytes=1 << 20)
    assert len(site.objects.keys("segments/sealane.runs.events/00000")) == 1
    assert faults(site.objects) == []


class Killed(Exception):
    pass


class Mortal(FilesystemObjects):
    """Dies at the n-th write."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self._left = writes

    def put(self, key: str, data: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed
        super().put(key, data)


def test_export_killed_at_any_write_goes_on_and_loses_nothing(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    writes = 0
    while True:
        try:
            site.export(objects=Mortal(folder, writes))
            break
        except Killed:
            writes += 3
    whole = FilesystemObjects(folder)
    assert faults(whole) == []
    assert whole_log(restore(whole)) == whole_log(site.log)
    named = {each.key for each in manifest_of(whole).segments}
    assert set(whole.keys("segments/")) == named


def test_killed_export_leaves_the_last_complete_one_usable(site: Site) -> None:
    site.export()
    before = whole_log(site.log)
    site.push(*range(30, 40))
    with pytest.raises(Killed):
        site.export(objects=Mortal(site.objects._root, 12))
    assert faults(site.objects) == []
    assert whole_log(restore(site.objects)) == before


def test_killed_restore_goes_on_where_it_was(site: Site) -> None:
    site.export()
    into = new_log()
    calls = 0

    def die(call: object) -> None:
        nonlocal calls
        calls += "producer" in str(call)
        if calls == 7:
            raise Killed

    into.on_call = die
    with pytest.raises(Killed):
        restore(site.objects, into)
    into.on_call = lambda call: None
    restore(site.objects, into)
    assert whole_log(into) == whole_log(site.log)


def manifest_of(objects: FilesystemObjects) -> Manifest:
    found = load_manifest(objects)
    assert found is not None
    return found


def rewrite(objects: FilesystemObjects, edit: Callable[[list[Record]], object], hide: bool) -> None:
    """Edit the first segment of a partition's events; `hide`: with a digest to match, as a forger would."""
    manifest = manifest_of(objects)
    segment = manifest.of(RUNS)[0]
    records = decode_records(objects.get(segment.key), RUNS)
    edit(records)
    data = encode_records(records)
    objects.put(segment.key, data)
    if hide:
        forged = msgspec.structs.replace(segment, sha256=digest(data), records=len(records))
        segments = tuple(forged if each == segment else each for each in manifest.segments)
        save_manifest(objects, msgspec.structs.replace(manifest, segments=segments))


def flip(records: list[Record]) -> None:
    value = records[5].value or b""
    at = value.index(b"workload")
    records[5] = records[5]._replace(value=value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])


def swap(records: list[Record]) -> None:
    one, other = records[5], records[6]
    records[5], records[6] = other._replace(offset=one.offset), one._replace(offset=other.offset)


@pytest.mark.parametrize("hide", [False, True], ids=["found by the digest", "with a forged digest"])
@pytest.mark.parametrize(
    ("edit", "index"),
    [(flip, 5), (lambda records: records.pop(5), 6), (swap, 5)],
    ids=["byte flipped", "record deleted", "records swapped"],
)
def test_altered_export_is_found_and_the_record_named(
    site: Site, edit: Callable[[list[Record]], object], index: int, hide: bool
) -> None:
    site.export()
    expected = site.log.partition(RUNS).read(0, 10**9)[0][index].offset
    rewrite(site.objects, edit, hide)
    found = [fault for fault in faults(site.objects) if fault.code == "chain-broken"]
    assert [str(fault.position) for fault in found] == [f"sealane.runs.events:0:{expected}"]
    codes = {fault.code for fault in faults(site.objects)}
    assert ("segment-altered" in codes) != hide


def test_flipped_byte_in_a_file_is_named_with_its_range(site: Site) -> None:
    site.export()
    segment = manifest_of(site.objects).of(RUNS)[0]
    data = bytearray(site.objects.get(segment.key))
    data[len(data) // 2] ^= 1
    site.objects.put(segment.key, bytes(data))
    assert str(segment) in str([fault.detail for fault in faults(site.objects)])
    with pytest.raises(ExportError, match="its bytes are not those that were written"):
        restore(site.objects)


def test_missing_file_is_named(site: Site) -> None:
    site.export(segment_bytes=4000)
    segment = manifest_of(site.objects).of(RUNS)[1]
    site.objects.delete(segment.key)
    first = faults(site.objects)[0]
    assert (first.code, first.position.offset) == ("segment-missing", segment.first)


def test_damaged_log_is_not_exported(site: Site) -> None:
    kept = site.log.partition(RUNS)._records
    record = next(each for each in kept[20:] if each is not None)
    kept[record.offset] = record._replace(value=(record.value or b"").replace(b"workload", b"workloat"))
    with pytest.raises(ExportError, match=rf"sealane\.runs\.events:0:{record.offset}: ") as error:
        site.export()
    assert error.value.code == "log-damaged"


def test_export_of_another_log_is_refused(site: Site, tmp_path: Path) -> None:
    site.export()
    other = Site(tmp_path / "other")
    with pytest.raises(ExportError, match="it is not the log that was exported"):
        exporter(other.log, site.objects).run()
    longer = Site(tmp_path / "longer")
    longer.push(*range(50, 70))
    with pytest.raises(ExportError) as error:
        exporter(longer.log, site.objects).run()
    assert error.value.code == "log-damaged"


def test_log_that_is_in_use_is_not_restored_into(site: Site) -> None:
    site.export()
    with pytest.raises(ExportError) as error:
        restore(site.objects, site.log)
    assert error.value.code == "installation-not-fresh"


def test_topics_with_other_records_are_not_restored_into(site: Site, tmp_path: Path) -> None:
    site.export()
    other = Site(tmp_path / "other")
    other.push(99)
    other.log.group(GROUPS.processors).offsets.clear()
    with pytest.raises(ExportError, match="holds other records already"):
        restore(site.objects, other.log)


def test_other_regions_are_refused_with_the_right_ones(site: Site) -> None:
    site.export()
    with pytest.raises(ExportError, match="SEALANE_REGIONS=us-east,eu-west,ap-south"):
        restore(site.objects, topology=Topology(("us-east",)))


def test_export_of_newer_code_is_refused_loudly(site: Site) -> None:
    site.export()
    manifest = manifest_of(site.objects)
    newer = manifest.event_versions | {"run.planned": 7}
    save_manifest(site.objects, msgspec.structs.replace(manifest, event_versions=newer))
    with pytest.raises(ExportError, match=r"'run\.planned' version 7, this code knows 1"):
        restore(site.objects)
    save_manifest(site.objects, msgspec.structs.replace(manifest, format=9))
    with pytest.raises(ExportError, match="the export has format 9"):
        restore(site.objects)


def test_export_that_was_never_finished_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as missing:
        restore(FilesystemObjects(tmp_path / "nothing"))
    save_manifest(site.objects, Manifest(regions=TOPOLOGY.regions, partitions_per_region=1, event_versions={}))
    with pytest.raises(ExportError) as incomplete:
        restore(site.objects)
    assert (missing.value.code, incomplete.value.code) == ("export-missing", "export-incomplete")
