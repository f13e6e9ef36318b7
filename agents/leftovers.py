"""What an agent that was killed left behind: workspaces of its jobs. Their processes died with it (PDEATHSIG)."""

import logging
from pathlib import Path

from agents.workspace import remove_job_directory

log = logging.getLogger("sealane.agent")


def remove_leftovers(jobs: Path) -> int:
    """How many directories were found. One that can't be removed is left and named in the log."""
    found = [path for path in jobs.iterdir() if path.is_dir()]
    for directory in found:
        if not remove_job_directory(directory):
            log.warning("%s of an earlier process could not be removed wholly", directory)
    return len(found)
