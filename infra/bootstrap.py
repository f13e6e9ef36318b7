"""Makes the virtual environment that `make` uses, from the hash-locked requirements. Standard library only.

Run by any Python from 3.11 on as `python3 -I infra/bootstrap.py`. Does nothing when what is there fits the lock file
and the Python; otherwise shows from the first second what it is doing.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK_FILE = ROOT / "requirements.lock"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".sealane-stamp"
OLDEST = (3, 11)
_RERUN = "Then run the same command again; what is done is kept."
_SCRIPT = """\
#!{python}
import sys

from infra.main import main

sys.exit(main())
"""


def main() -> int:
    if sys.version_info < OLDEST:
        return refuse(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}.", "")
    VENV.mkdir(exist_ok=True)
    with locked(VENV / ".sealane-lock"):
        wanted = fingerprint()
        found = STAMP.read_text() if STAMP.exists() else ""
        return 0 if found == wanted and PYTHON.exists() else make(wanted, started_over=bool(found))


def fingerprint() -> str:
    """What the environment depends on: the lock file, the Python and the place."""
    facts = (
        hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest(),
        sys.version,
        os.path.realpath(sys.executable),
        str(ROOT),
    )
    return "\n".join(facts)


def make(wanted: str, started_over: bool) -> int:
    say(f"Python packages: preparing .venv with Python {sys.version.split()[0]}")
    if started_over:
        empty(VENV)
    if not PYTHON.exists() and not create():
        return 1
    if not install():
        return 1
    link_project()
    STAMP.write_text(wanted)
    say("Python packages: ready")
    return 0


def create() -> bool:
    """An environment with pip in it. Some distributions package that apart from Python."""
    done = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stdout + done.stderr).strip()[-600:]
        refuse(
            f"Python could not make a virtual environment:\n{reason}", "On Debian or Ubuntu: apt install python3-venv."
        )
        empty(VENV)
    return done.returncode == 0


def install() -> bool:
    options = ["--require-hashes", "--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command = [str(PYTHON), "-m", "pip", "install", *options, "--requirement", str(LOCK_FILE)]
    lines = LOCK_FILE.read_text().splitlines()
    total = sum("==" in line and "== 'win32'" not in line for line in lines)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        said = follow(pip.stdout, total)
    if pip.returncode != 0:
        code = "checksum-mismatch" if "DO NOT MATCH THE HASHES" in said else "download-failed"
        refuse(f"pip could not install the packages ({code}):\n{said[-1500:]}", "Check the network and pip's settings.")
    return pip.returncode == 0


def follow(lines: Iterator[str], total: int) -> str:
    """Shows pip's progress as it goes and returns all that it said."""
    said: list[str] = []
    count = 0
    for line in lines:
        said.append(line)
        if name := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
            count += 1
            say(f"Python packages: {count} of {total} ({name.group(1)})", passing=True)
        elif line.startswith("Installing collected packages"):
            say(f"Python packages: unpacking {count}", passing=True)
    return "".join(said)


def link_project() -> None:
    """The project itself: its folder on the path and the `sealane` command, with no build step and no network."""
    asked = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "sealane.pth").write_text(f"{ROOT}\n")
    script = PYTHON.with_name("sealane")
    script.write_text(_SCRIPT.format(python=PYTHON))
    script.chmod(0o755)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets two `make` in one checkout wait for each other."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != ".sealane-lock":
            each.unlink()


_began = time.monotonic()


def say(message: str, passing: bool = False) -> None:
    """One line; a passing one is overwritten by the next where the output is a terminal."""
    line = f"[{time.monotonic() - _began:3.0f} s] {message}"
    if sys.stdout.isatty():
        print(f"\r\033[K{line}", end="" if passing else "\n", flush=True)
    else:
        print(line, flush=True)


def refuse(problem: str, advice: str) -> int:
    print(f"\n{problem}\n{advice} {_RERUN}".rstrip(), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
