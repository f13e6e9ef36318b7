"""`client.json`: how the CLI finds a local installation. Readable by its owner only, as it holds a token."""

import json
import os
from pathlib import Path

from gateway.cli.client import user_connection_file


def write_connection(data_dir: Path, url: str, token: str) -> None:
    """For commands in this folder (`<data_dir>/client.json`) and, where it can be written, in all others."""
    _write(data_dir / "client.json", url, token)
    try:
        _write(user_connection_file(), url, token)
    except OSError:
        return  # a convenience only: the folder's own file is there


def _write(path: Path, url: str, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"url": url, "token": token}))
    draft.replace(path)
