"""Fetching locked jars, from a Maven repository on this machine that may lie."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.embedded import jars
from infra.embedded.errors import ServerError
from infra.embedded.process import silent

CONTENT = b"the jar as locked"
LOCK = f"# comment\norg.example:tool:1.0 {hashlib.sha256(CONTENT).hexdigest()}\n"
JAR_PATH = "/org/example/tool/1.0/tool-1.0.jar"


class Repository(ThreadingHTTPServer):
    """Serves `files` by path and counts what is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = {JAR_PATH: CONTENT}
        self.asked: Counter[str] = Counter()


class _Answer(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository of our own, as jgo's settings file names it, with a cache and a lock file of our own."""
    lock_file, settings = tmp_path / "jars.lock", tmp_path / "jgo.conf"
    with Repository() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.write_text(f"[repositories]\nlocal = http://127.0.0.1:{server.server_port}\n")
        lock_file.write_text(LOCK)
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        monkeypatch.setenv("SEALANE_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setattr(jars, "LOCK_FILE", lock_file)
        yield server
        server.shutdown()


def test_jar_is_fetched_once_and_then_taken_from_the_cache(repository: Repository) -> None:
    first, second = jars.fetch_jars(silent), jars.fetch_jars(silent)

    assert [path.name for path in first] == ["tool-1.0.jar"]
    assert first == second
    assert first[0].read_bytes() == CONTENT
    assert repository.asked[JAR_PATH] == 1


def test_changed_jar_is_refused_and_not_kept(repository: Repository) -> None:
    repository.files[JAR_PATH] = b"something else"

    with pytest.raises(ServerError) as refused:
        jars.fetch_jars(silent)

    assert refused.value.code == "checksum-mismatch"
    assert "org.example:tool:1.0" in refused.value.detail
    repository.files[JAR_PATH] = CONTENT
    assert jars.fetch_jars(silent)[0].read_bytes() == CONTENT


def test_jar_that_was_damaged_in_the_cache_is_fetched_again(repository: Repository) -> None:
    jars.fetch_jars(silent)[0].write_bytes(b"damaged")

    assert jars.fetch_jars(silent)[0].read_bytes() == CONTENT
    assert repository.asked[JAR_PATH] == 2


def test_jar_that_is_nowhere_is_named(repository: Repository) -> None:
    repository.files.clear()

    with pytest.raises(ServerError, match=r"org\.example:tool:1\.0") as refused:
        jars.fetch_jars(silent)

    assert refused.value.code == "download-failed"


def test_those_who_ask_at_once_download_once(repository: Repository) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: jars.fetch_jars(silent)[0], range(4)))

    assert {path.read_bytes() for path in found} == {CONTENT}
    assert repository.asked[JAR_PATH] == 1


def test_committed_lock_file_names_each_jar_once_with_a_digest() -> None:
    locked = jars.read_lock(Path(jars.__file__).with_name("kafka-jars.lock").read_text())

    assert len({jar.file_name for jar in locked}) == len(locked)
    assert {len(jar.sha256) for jar in locked} == {64}
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in locked}
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {"4.4.0"}
