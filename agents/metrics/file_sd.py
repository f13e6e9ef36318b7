"""Tells a real Prometheus where the instances of a region are: one file for `file_sd_configs`, rewritten on change.

The labels are those by which the built-in metrics select; Prometheus puts them on every series of an instance.
"""

import json
import logging
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agents.metrics.base import Instance, Instances, NotKnown

PAUSE_SECONDS = 2.0
_log = logging.getLogger("sealane.sampler")


class FileSd:
    """Writes `<directory>/sealane-<region>.json`, whole or not at all."""

    def __init__(self, directory: Path, region: str, instances: Instances) -> None:
        self._file = directory / f"sealane-{region}.json"
        self._instances = instances

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. What goes wrong is tried again, and said once."""
        said = ""
        while not stop.wait(PAUSE_SECONDS):
            try:
                self.write()
                said = ""
            except (NotKnown, OSError) as error:
                if str(error) != said:
                    _log.error("Prometheus can't be told the instances: %s", error)
                said = str(error)

    def write(self) -> None:
        """Raises OSError, NotKnown."""
        text = json.dumps([_group(each) for each in sorted(self._instances.everywhere())], indent=1)
        if self._file.exists() and self._file.read_text() == text:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Not *.json: Prometheus must not read it before it is whole.
        draft = self._file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self._file)


def _group(instance: Instance) -> dict[str, Any]:
    url = urlsplit(instance.url)
    labels = {
        **instance.place._asdict(),
        "version": instance.release_id,
        "set": instance.set_name,
        "__metrics_path__": instance.metrics_path,
        "__scheme__": url.scheme,
    }
    return {"targets": [url.netloc], "labels": labels}
