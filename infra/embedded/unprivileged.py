"""Postgres refuses to run as root: which user it runs as instead, and where that user can reach its files."""

import hashlib
import os
import pwd
import stat
from pathlib import Path

from infra.embedded.errors import ServerError

Owner = tuple[int, int]
# Places that are root's, survive a restart, and lie below directories that everyone may pass.
_SHARED_PLACES = (Path("/var/lib/sealane"), Path("/var/cache/sealane"), Path("/srv/sealane"))
_NOBODY_WHERE_UNNAMED = (65534, 65534)


def owner_for_servers() -> Owner | None:
    """The (uid, gid) to run as: `nobody` when we are root, else None, which means ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY_WHERE_UNNAMED
    return nobody.pw_uid, nobody.pw_gid


def reachable_place(wanted: Path, owner: Owner | None) -> Path:
    """`wanted`, or when the other user can't get there, a directory that stands for it and always will.

    Raises ServerError(data-dir-unreachable) when no place on this machine will do.
    """
    if owner is None or everyone_may_pass(wanted.parent):
        return wanted
    name = f"{wanted.name}-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}"
    for place in _SHARED_PLACES:
        if everyone_may_pass(place.parent) and _make(place):
            return place / name
    tried = ", ".join(map(str, _SHARED_PLACES))
    detail = f"Postgres runs as `nobody`, who can reach neither {wanted} nor {tried}."
    raise ServerError(
        "data-dir-unreachable", f"{detail} Make one of them reachable (chmod o+x), or do not run as root."
    )


def everyone_may_pass(path: Path) -> bool:
    """Whether any user may go through the directory and all above it."""
    try:
        return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))
    except OSError:
        return False


def _make(place: Path) -> bool:
    try:
        place.mkdir(mode=0o755, exist_ok=True)
    except OSError:
        return False
    return os.access(place, os.W_OK) and everyone_may_pass(place)


def hand_over(path: Path, owner: Owner | None) -> None:
    """Makes the directory, for the other user alone."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if owner is not None:
        os.chown(path, *owner)
