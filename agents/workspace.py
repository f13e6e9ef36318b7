"""The directory of a job on this machine: made before its first step, removed after its last, whatever is in it."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from agents.disk import explain
from agents.executors.layout import JOB_DIRECTORIES


class WorkspaceError(Exception):
    """The directory can't be made; the text says where and why."""


def create_job_directory(parent: Path, attempt_key: str) -> Path:
    """A fresh directory for the attempt. Raises WorkspaceError."""
    directory = parent / directory_name(attempt_key)
    try:
        if directory.exists():
            remove_job_directory(directory)
        directory.mkdir(mode=0o711)
        for name in JOB_DIRECTORIES:
            os.mkdir(f"{directory}/{name}", 0o755)
        (directory / "tmp").chmod(0o1777)
        (directory / "output" / "values").touch()
    except OSError as error:
        raise WorkspaceError(f"the workspace {directory} can't be made: {explain(error)}") from error
    return directory


def directory_name(attempt_key: str) -> str:
    """Readable, and a safe file name whatever the job is called."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", attempt_key).strip("-.")[:60]
    return f"{readable}-{hashlib.sha256(attempt_key.encode()).hexdigest()[:8]}"


def remove_job_directory(directory: Path) -> bool:
    """Whether it is gone. Directories without write permission are opened up; links are never followed."""
    shutil.rmtree(directory, onerror=_open_up)
    return not directory.exists()


def inside_workspace(workspace: str, relative: str | None) -> str | None:
    """The absolute path of a step's working directory; None where it would lie outside the workspace."""
    path = os.path.normpath(os.path.join(workspace, relative or "."))
    return path if path == workspace or path.startswith(workspace + "/") else None


def _open_up(
    function: Callable[..., Any], path: str, failure: tuple[type[BaseException], BaseException, TracebackType]
) -> None:
    """Make the directory and the one above it writable and try again; what still resists is left, and reported."""
    try:
        for place in (os.path.dirname(path), path):
            if os.path.isdir(place) and not os.path.islink(place):
                os.chmod(place, 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.unlink(path)
    except OSError:
        return
