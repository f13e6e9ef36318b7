"""What every object store must do. Adapters: the directory (S3 follows)."""

import threading
from pathlib import Path

import pytest

from core.ports import ObjectStore
from infra.objects.filesystem import FilesystemObjects, ObjectStoreUnavailable


@pytest.fixture(params=["filesystem"])
def store(tmp_path: Path) -> ObjectStore:
    return FilesystemObjects(tmp_path / "objects")


def test_what_was_put_is_got(store: ObjectStore) -> None:
    store.put("logs/run/job/1/0.z", b"\x00\xff")
    assert store.get("logs/run/job/1/0.z") == b"\x00\xff"


def test_putting_again_replaces(store: ObjectStore) -> None:
    store.put("a/b", b"first")
    store.put("a/b", b"second")
    assert store.get("a/b") == b"second"
    assert store.keys("") == ["a/b"]


@pytest.mark.parametrize("key", ["missing", "a", "a/b/c"])
def test_unknown_key_is_a_key_error(store: ObjectStore, key: str) -> None:
    store.put("a/b", b"")
    with pytest.raises(KeyError):
        store.get(key)


def test_store_says_whether_it_holds_a_key(store: ObjectStore) -> None:
    store.put("a/b", b"")
    assert store.holds("a/b")
    assert not store.holds("a")
    assert not store.holds("a/b/c")


def test_keys_are_listed_by_prefix_in_order(store: ObjectStore) -> None:
    for key in ("logs/r1/b", "logs/r1/a", "logs/r2/a", "other"):
        store.put(key, b"")
    assert store.keys("logs/r1/") == ["logs/r1/a", "logs/r1/b"]
    assert store.keys("logs/r") == ["logs/r1/a", "logs/r1/b", "logs/r2/a"]
    assert store.keys("none") == []


def test_deleted_object_is_gone_and_deleting_again_is_harmless(store: ObjectStore) -> None:
    store.put("a/b", b"")
    store.delete("a/b")
    store.delete("a/b")
    assert store.keys("") == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a\x00b", "a b", "é"])
def test_unsafe_key_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no object key"):
        store.put(key, b"")


def test_reader_never_sees_half_an_object(store: ObjectStore) -> None:
    contents = {b"a" * 300_000, b"b" * 200_000}
    store.put("x", next(iter(contents)))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for data in contents:
                store.put("x", data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {store.get("x") for _ in range(100)} <= contents
    finally:
        stop.set()
        writer.join()


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ObjectStoreUnavailable, match=r"file/a can't be written"):
        FilesystemObjects(tmp_path / "file").put("a", b"")
