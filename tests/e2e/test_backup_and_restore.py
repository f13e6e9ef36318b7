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
from tests.support.platform import Json, Platform, Repository
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
        _push_until_it_waits(platform, repository, 1)
        first = exported(platform, export)
        repository.commit("second", {"README": "x"})
        _push_until_it_waits(platform, repository, 2)
        second = exported(platform, export)
        assert 0 < second["records"] < first["records"]
        holds(platform, "replay", "--verify")
        log = build_log(platform)
        assert "built before the backup" in log
        platform.stop()

        holds(platform, "export", "--verify", str(export))
        _wipe(platform.data, "key", "git")
        restored = platform.sealane("replay", "--into", str(platform.data), "--from", str(export))
        assert restored.returncode == 0, restored.stdout + restored.stderr
        platform.start()
        run = platform.run_when("gated", 1, waits)
        assert build_log(platform) == log
        assert platform.post(f"/runs/{run['id']}/approvals/deploy", {"approve": True}).status_code == 200
        run = platform.finished_run("gated", 1)
        assert run["outcome"] == "success"
        assert "deployed after the restore" in platform.log(run, "deploy")
        repository.commit("third", {"README": "y"})
        _push_until_it_waits(platform, repository, 3)
        holds(platform, "replay", "--verify")
        exported(platform, export)
        refused = platform.sealane("replay", "--into", str(platform.data), "--from", str(export))
        assert "[already-running]" in refused.stderr

        holds(platform, "export", "--verify", str(export))
        altered = _alter_one_event(export)
        found = platform.sealane("export", "--verify", str(export), "--json")
        assert found.returncode == 1
        assert altered in {fault["position"] for fault in json.loads(found.stdout)["faults"]}


def _push_until_it_waits(platform: Platform, repository: Repository, number: int) -> None:
    repository.push_in_background()
    platform.run_when("gated", number, waits)


def holds(platform: Platform, *arguments: str) -> None:
    answer = platform.sealane(*arguments, "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _wipe(data: Path, *kept: str) -> None:
    """All but what an operator keeps beside the export."""
    for each in data.iterdir():
        if each.name not in kept:
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def exported(platform: Platform, folder: Path) -> Json:
    answer = platform.sealane("export", "--to", str(folder), "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found: Json = json.loads(answer.stdout)
    return found


def _alter_one_event(folder: Path) -> str:
    """As somebody with an editor would, who also makes the digest fit. Answers with its position."""
    objects = FilesystemObjects(folder)
    manifest = load_manifest(objects)
    assert manifest is not None
    segment = next(each for each in manifest.segments if (each.topic, each.partition) == ("sealane.runs.events", 0))
    records = decode_records(objects.get(segment.key), segment.where)
    index = next(index for index, record in enumerate(records) if record.offset >= 5)
    value = records[index].value or b""
    records[index] = records[index]._replace(value=value.replace(b'"actor":"', b'"actor":"x', 1))
    data = encode_records(records)
    objects.put(segment.key, data)
    forged = msgspec.structs.replace(segment, sha256=digest(data))
    segments = tuple(forged if each == segment else each for each in manifest.segments)
    save_manifest(objects, msgspec.structs.replace(manifest, segments=segments))
    return f"{segment.topic}:{segment.partition}:{records[index].offset}"
