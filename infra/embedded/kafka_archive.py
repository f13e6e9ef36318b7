"""The class archive: Kafka's classes parsed and linked ahead, which halves the broker's start.

Java writes it at the end of a training run, once per machine, Java and set of jars. It is an optimisation: when it
can't be made the broker starts without.
"""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from infra.embedded.cache import cached_dir
from infra.embedded.errors import ServerError
from infra.embedded.kafka_config import BrokerSettings
from infra.embedded.kafka_node import Node, Runtime, broker_spec, lay_out
from infra.embedded.ports import choose_port
from infra.embedded.process import Progress, start_process, stop

# From this version on one run makes an ahead-of-time cache; before it there is the older shared archive.
_FIRST_WITH_AOT_CACHE = 25
_DUMP_SECONDS = 90


def with_archive(runtime: Runtime, progress: Progress) -> Runtime:
    """The runtime with the options that use the archive, which is made when it is not there yet."""

    def train(folder: Path) -> None:
        progress("Kafka: preparing its classes for quick starts (once per machine, about 10 s)")
        _training_run(runtime, _archive(folder, runtime))

    try:
        archive = _archive(cached_dir(f"kafka-classes/{_key(runtime)}", train), runtime)
    except ServerError as error:
        progress(f"Kafka: starts without a class archive, because: {error.detail.splitlines()[0]}")
        return runtime
    # A training run that ended without an archive left an empty entry, so that it is not tried at each start.
    return replace(runtime, options=_use(archive, runtime)) if archive.is_file() else runtime


def _key(runtime: Runtime) -> str:
    stated = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in runtime.jars]
    return hashlib.sha256(repr((runtime.java.fingerprint(), stated)).encode()).hexdigest()[:16]


def _archive(folder: Path, runtime: Runtime) -> Path:
    return folder / ("kafka.aot" if runtime.java.version >= _FIRST_WITH_AOT_CACHE else "kafka.jsa")


def _use(archive: Path, runtime: Runtime) -> tuple[str, ...]:
    if runtime.java.version >= _FIRST_WITH_AOT_CACHE:
        return (f"-XX:AOTCache={archive}", "-Xlog:aot=off", "-Xlog:cds=off")
    return (f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")


def _make(archive: Path, runtime: Runtime) -> tuple[str, ...]:
    if runtime.java.version >= _FIRST_WITH_AOT_CACHE:
        return (f"-XX:AOTCacheOutput={archive}",)
    return (f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")


def _training_run(runtime: Runtime, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sealane-kafka-") as scratch:
        node = Node(Path(scratch), choose_port(0, "Kafka"), choose_port(0, "Kafka's controller"), BrokerSettings())
        lay_out(runtime, node)
        training = replace(runtime, options=_make(archive, runtime))
        spec = replace(broker_spec(training, node, name="kafka (training run)"), grace_seconds=_DUMP_SECONDS)
        stop(start_process(spec), spec)
