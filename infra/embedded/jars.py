"""Kafka's jars from Maven coordinates, locked by SHA-256 in kafka-jars.lock, kept in the cache.

`python -m infra.embedded.jars` makes the lock file anew from the two coordinates below.
"""

import hashlib
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.embedded.cache import cache_dir, file_lock
from infra.embedded.errors import ServerError
from infra.embedded.process import Progress

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
_ROOTS = ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5")
_HEADER = "# Kafka's jars: Maven coordinate, SHA-256. Made by `python -m infra.embedded.jars`; do not edit.\n"
_PARALLEL_DOWNLOADS = 6


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def read_lock(text: str) -> list[Jar]:
    """The jars of a lock file: one `group:artifact:version sha256` a line, `#` for comments."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [Jar(*re.split("[: ]", line)) for line in lines]


def fetch_jars(progress: Progress) -> list[Path]:
    """The verified jars, in the lock's order (the class path). Downloads what is missing.

    Raises ServerError: download-failed, checksum-mismatch, cache-dir-not-writable.
    """
    jars = read_lock(LOCK_FILE.read_text())
    folder = cache_dir() / "kafka-jars"
    folder.mkdir(exist_ok=True)
    with file_lock(folder / ".lock"):
        missing = [jar for jar in jars if not _is_good(folder / jar.file_name, jar)]
        if missing:
            _download_all(missing, folder, progress)
    return [folder / jar.file_name for jar in jars]


def _is_good(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download_all(jars: list[Jar], folder: Path, progress: Progress) -> None:
    for abandoned in folder.glob(".download.*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=".download.", dir=folder))
    context = _maven(staging)
    progress(f"Kafka: downloading {len(jars)} jars")
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        try:
            downloads = [pool.submit(_download, context, folder, jar) for jar in jars]
            for count, done in enumerate(as_completed(downloads), start=1):
                progress(f"Kafka: downloaded {count} of {len(jars)} jars ({done.result().artifact})")
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(staging, ignore_errors=True)


def _maven(repository: Path) -> "MavenContext":
    """jgo with the repositories of its own settings file, else its default."""
    # Here and not above: most starts find every jar in the cache and should not pay 0.3 s for this import.
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    return MavenContext(repo_cache=repository, remote_repos=GlobalSettings.load().repositories or None, timeout=60)


def _download(context: "MavenContext", folder: Path, jar: Jar) -> Jar:
    path = _resolve(context, jar)
    actual = _sha256(path)
    if actual != jar.sha256:
        detail = f"{jar.coordinate} has SHA-256 {actual}, the lock file {LOCK_FILE.name} says {jar.sha256}."
        raise ServerError(
            "checksum-mismatch", f"{detail} Nothing was kept; a proxy or mirror may have changed the file."
        )
    path.rename(folder / jar.file_name)
    return jar


def _resolve(context: "MavenContext", jar: Jar) -> Path:
    try:
        return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (RuntimeError, OSError) as error:  # the HTTP client's errors are OSErrors
        detail = (
            f"Could not download {jar.coordinate}: {error}. Check the network and start again; what is there is kept."
        )
        raise ServerError("download-failed", detail) from error


def make_lock() -> str:
    """The lock file's text for the roots and all they need at run time."""
    with tempfile.TemporaryDirectory() as staging:
        context = _maven(Path(staging))
        # "!" keeps jgo from taking the roots' own dependency management over the others' (an older kafka-clients).
        roots = [context.create_dependency(f"{root}!") for root in _ROOTS]
        inputs, needed = context.resolver.resolve(roots)
        found = {
            f"{each.groupId}:{each.artifactId}:{each.version}": each.artifact.resolve() for each in inputs + needed
        }
        return _HEADER + "".join(f"{name} {_sha256(path)}\n" for name, path in sorted(found.items()))


if __name__ == "__main__":
    LOCK_FILE.write_text(make_lock())
