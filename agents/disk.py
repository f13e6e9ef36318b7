"""Whether the agent's directories can take another job. Asked before each: it can go elsewhere then."""

import errno
import os
import shutil
from pathlib import Path

FREE_BYTES = 64 << 20


def reason_against(places: dict[str, Path]) -> tuple[str, str]:
    """(reason, detail) for refusing a job, or two empty texts. `places`: what lies where, in words for people."""
    for what, path in places.items():
        try:
            free = shutil.disk_usage(path).free
        except OSError as error:
            return "disk-unusable", f"{what} in {path}: {error.strerror}"
        if free < FREE_BYTES:
            return "disk-full", f"{free >> 20} MiB are free for {what} in {path}, {FREE_BYTES >> 20} are needed"
        if not os.access(path, os.W_OK | os.X_OK):
            return "disk-unusable", f"{what} in {path} can't be written"
    return "", ""


def explain(error: OSError) -> str:
    """What the system said, without its number."""
    full = " (the disk is full)" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{error.strerror or error}{full}"
