"""A backup is worth what its restore is: exported, wiped, restored, and a run that waited goes on to its end."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from infra.objects.filesystem import FilesystemObjects
from processors.export.manifest import load_manifest, save_manifest
from processors.export.segments import decode_records, digest, encode_records
from tests.support.platform import Json, Platform
from tests.support.servers import scratch_directory

GATED = """
stages:
  - name: build
    steps:
      - run: echo "built before the backup"
  - name: deploy
    needs: [build]
    approval: {}
    steps:
      - run: echo "deployed after the restore"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_directory() as made:
        yield made


def waits(run: Json) -> bool:
    return bool(run["reason"] == "waits for approval of deploy")


def build_log(platform: Platform) -> str:
    run = platform.get("/apps/gated/runs/1")
    return platform.log(run, "build")


@pytest.mark.timeout(400)
def test_run_that_waited_goes_on_after_everything_was_wiped_and_restored(folder: Path) -> None:
    export = folder / "export"
    with Platform(folder) as platform:
        repository = platform.repository("gated", GATED)
        repository.push_in_background()
        platform.run_when("gated", 1, waits)
        first = exported(platform, export)
        repository.commit("second", {"README": "x"})
        repository.push_in_background()
        platform.run_when("gated", 2, waits)
        second = exported(platform, export)
        assert 0 < second["records"] < first["records"]
        before = platform.sealane("replay", "--verify", "--json")
        assert before.returncode == 0, before.stdout + before.stderr
        events = platform.get("/events", limit=50)["items"]
        log = build_log(platform)
        assert "built before the backup" in log

    checked = platform.sealane("export", "--verify", str(export))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    keep = folder / "kept"
    keep.mkdir()
    for name in ("key", "git"):
        shutil.move(platform.data / name, keep / name)
    shutil.rmtree(platform.data)
    platform.data.mkdir()
    platform.data.chmod(0o755)
    for name in ("key", "git"):
        shutil.move(keep / name, platform.data / name)

    restored = platform.sealane("replay", "--into", str(platform.data), "--from", str(export))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    with platform:
        run = platform.run_when("gated", 1, waits)
        old = {(each["id"], each["chain"]) for each in events if "id" in each and "chain" in each}
        assert old, events[0]
        assert build_log(platform) == log
        assert platform.post(f"/runs/{run['id']}/approvals/deploy", {"approve": True}).status_code == 200
        run = platform.finished_run("gated", 1)
        assert run["outcome"] == "success"
        assert "deployed after the restore" in platform.log(run, "deploy")
        repository.commit("third", {"README": "y"})
        repository.push_in_background()
        platform.run_when("gated", 3, waits)
        after = platform.sealane("replay", "--verify", "--json")
        assert after.returncode == 0, after.stdout + after.stderr
        exported(platform, export)
    again = platform.sealane("export", "--verify", str(export))
    assert again.returncode == 0, again.stdout + again.stderr
    refused = platform.sealane("replay", "--into", str(platform.data), "--from", str(export))
    assert "[installation-not-fresh]" in refused.stderr
    _alter_one_event(export)
    found = platform.sealane("export", "--verify", str(export), "--json")
    assert found.returncode == 1
    assert "sealane.runs.events:0:5" in {fault["position"] for fault in json.loads(found.stdout)["faults"]}


def exported(platform: Platform, folder: Path) -> Json:
    answer = platform.sealane("export", "--to", str(folder), "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found: Json = json.loads(answer.stdout)
    return found


def _alter_one_event(folder: Path) -> None:
    """As somebody with an editor would, who also makes the digest fit."""
    objects = FilesystemObjects(folder)
    manifest = load_manifest(objects)
    assert manifest is not None
    segment = next(each for each in manifest.segments if (each.topic, each.partition) == ("sealane.runs.events", 0))
    records = decode_records(objects.get(segment.key), segment.where)
    index = next(index for index, record in enumerate(records) if record.offset >= 5)
    assert records[index].offset == 5
    value = records[index].value or b""
    records[index] = records[index]._replace(value=value.replace(b'"actor":"', b'"actor":"x', 1))
    data = encode_records(records)
    objects.put(segment.key, data)
    forged = msgspec.structs.replace(segment, sha256=digest(data))
    segments = tuple(forged if each == segment else each for each in manifest.segments)
    save_manifest(objects, msgspec.structs.replace(manifest, segments=segments))
