"""Pre-deploy commands: each runs once in a copy of the release, detached, and leaves its exit code in a file.

A deployer that is killed meanwhile changes nothing: the next one finds the command running, or its end.
"""

import hashlib
import os
import shutil
import time
from pathlib import Path

import msgspec

from agents.environment import machine_environment
from agents.targets.artifacts import Artifacts
from agents.targets.base import TargetFailed
from agents.targets.detached import Busy, Detached
from agents.targets.place import read_json, write_json
from core.environments.settings import StaticTarget
from core.rollouts.commands import ReportHook
from core.rollouts.events import HookRequested

OUTPUT_CHARACTERS = 4000
KEPT_HOOKS = 20
# The exit code appears whole; the shell around the command can't be cut short by its `exit`.
_SCRIPT = 'cd files && { /bin/sh -c "$1"; printf "%s" "$?" > ../exit.new; mv ../exit.new ../exit; }'


class _Begun(msgspec.Struct, frozen=True):
    at: float


class Hooks:
    """`root/<name>` holds one command: `files` (its working directory), `log`, `exit`."""

    def __init__(self, root: Path, artifacts: Artifacts) -> None:
        self._root = root
        self._artifacts = artifacts

    def begun(self, rollout_id: str, asked: HookRequested) -> bool:
        return (self._root / _name(rollout_id, asked) / "begun.json").exists()

    def look(self, rollout_id: str, asked: HookRequested) -> ReportHook | None:
        """Begin it if nobody did. How it ended, or None while it runs. Raises TargetFailed where it can't begin."""
        place = self._root / _name(rollout_id, asked)
        running = Detached(place)
        begun = read_json(place / "begun.json", _Begun)
        if begun is None:
            self._begin(place, running, asked)
            return None
        if (place / "exit").exists():
            return _ended(place, running)
        if time.time() - begun.at > asked.hook.timeout_seconds:
            running.kill()
            detail = f"it did not end within {asked.hook.timeout_seconds:g} s and was killed"
            return ReportHook(ok=False, output=_output(running), detail=detail)
        if not running.runs and not (place / "exit").exists():
            detail = (
                "it was cut short (the machine went down, or somebody killed it): whether it did its work isn't known"
            )
            return ReportHook(ok=False, output=_output(running), detail=detail)
        return None

    def _begin(self, place: Path, running: Detached, asked: HookRequested) -> None:
        self._make_room()
        self._artifacts.unpack(asked.release, place / "files")
        command = asked.hook.down if asked.down else asked.hook.run
        (place / "home").mkdir(exist_ok=True)
        # Noted first: a command that may have begun is never begun again.
        write_json(place / "begun.json", _Begun(time.time()))
        try:
            running.start(("/bin/sh", "-c", _SCRIPT, "sh", command), _environment(asked, place), place)
        except (OSError, ValueError, Busy) as error:
            raise TargetFailed("target-unavailable", f"the command can't be started: {error}") from error

    def _make_room(self) -> None:
        """The newest are kept for people to look at."""
        found = sorted(self._root.glob("*/begun.json"), key=lambda path: path.stat().st_mtime)
        for path in found[:-KEPT_HOOKS]:
            if Detached(path.parent).pid is None:
                shutil.rmtree(path.parent, ignore_errors=True)


def _environment(asked: HookRequested, place: Path) -> dict[str, str]:
    target_env = {} if isinstance(asked.target, StaticTarget) else asked.target.env
    known = {
        "RELEASE": asked.release.id,
        "VERSION": asked.release.id,
        "APP": asked.app,
        "ENVIRONMENT": asked.environment,
        "REGION": asked.region,
    }
    return {
        **machine_environment(os.environ),
        "HOME": str(place / "home"),
        **asked.release.config,
        **target_env,
        **known,
    }


def _ended(place: Path, running: Detached) -> ReportHook:
    text = (place / "exit").read_text()
    code = int(text) if text.isdigit() else None
    detail = "" if code == 0 else f"it ended with exit code {code}"
    return ReportHook(ok=code == 0, exit_code=code, output=_output(running), detail=detail)


def _output(running: Detached) -> str:
    try:
        return running.log.read_bytes()[-4 * OUTPUT_CHARACTERS :].decode("utf-8", "replace")[-OUTPUT_CHARACTERS:]
    except OSError:
        return ""


def _name(rollout_id: str, asked: HookRequested) -> str:
    way = "down" if asked.down else "up"
    return f"{way}-{hashlib.sha256(rollout_id.encode()).hexdigest()[:16]}"
