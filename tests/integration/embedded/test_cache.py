"""The cache's promise: an entry is whole or not there, whoever asks at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.embedded.cache import cache_dir, cached_dir
from infra.embedded.errors import ServerError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALANE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_entry_is_filled_once_for_all_who_ask_at_once() -> None:
    fills: list[Path] = []

    def fill(folder: Path) -> None:
        fills.append(folder)
        (folder / "content").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(lambda _: cached_dir("group/entry", fill), range(4)))

    assert len(fills) == 1
    assert {(entry / "content").read_text() for entry in entries} == {"whole"}


def test_entry_that_could_not_be_filled_is_not_there(own_cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "content").write_text("half")
        raise ServerError("download-failed", "the line went down")

    with pytest.raises(ServerError):
        cached_dir("group/entry", fill)

    assert [path for path in own_cache.rglob("*") if path.name == "content"] == []
    assert cached_dir("group/entry", lambda folder: (folder / "content").touch()).is_dir()


def test_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEALANE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_dir() == tmp_path / "xdg" / "sealane"


def test_cache_that_cannot_be_written_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEALANE_CACHE_DIR", str(tmp_path / "file" / "cache"))

    with pytest.raises(ServerError, match="Set SEALANE_CACHE_DIR") as refused:
        cache_dir()

    assert refused.value.code == "cache-dir-not-writable"
