"""What an agent that was killed left behind: processes, control groups and workspaces of its jobs."""

import logging
from pathlib import Path

from agents.executors.traces import end_recorded
from agents.workspace import remove_job_directory

log = logging.getLogger("sealane.agent")


def clear_leftovers(jobs: Path) -> int:
    """How many jobs had left something. What can't be removed is left and named in the log."""
    found = [path for path in jobs.iterdir() if path.is_dir()]
    for directory in found:
        ended = end_recorded(directory)
        if ended:
            log.warning("%s: ended %d processes of an earlier agent", directory.name, ended)
        if not remove_job_directory(directory):
            log.warning("%s of an earlier process could not be removed wholly", directory)
    return len(found)
