"""Running git safely: nothing of the host's configuration, no prompts, no shell, no protocol that was not allowed.

Names that come from outside (refs, commits, URLs) never stand where git reads options.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

NETWORK_PROTOCOLS = ("https", "http", "ssh", "git")
# What git's network programs need to know of the host; everything else stays outside.
_PASSED_ON = (
    "PATH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "TMPDIR",
)
_SETTINGS = {
    "safe.directory": "*",
    "core.quotePath": "false",
    "protocol.version": "2",
    "advice.detachedHead": "false",
    "maintenance.auto": "false",
}


class GitError(Exception):
    """git said no. `words` is what it wrote, shortened and without secrets; `exit_code` is None after a timeout."""

    def __init__(self, words: str, exit_code: int | None) -> None:
        super().__init__(words)
        self.words = words
        self.exit_code = exit_code


def git_command(*arguments: str, settings: Mapping[str, str | tuple[str, ...]] | None = None) -> list[str]:
    """`git` with our settings in front; they win over those of the repository and are passed on to its children."""
    command = ["git"]
    for key, value in {**_SETTINGS, **(settings or {})}.items():
        for single in (value,) if isinstance(value, str) else value:
            command += ["-c", f"{key}={single}"]
    return [*command, *arguments]


def git_environment(protocols: Iterable[str] = (), secret_settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every git process. `secret_settings` don't show in the list of processes."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    for index, (key, value) in enumerate((secret_settings or {}).items()):
        environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment | {"GIT_CONFIG_COUNT": str(len(secret_settings or {}))}


def run_git(
    command: list[str],
    directory: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    stdin: bytes = b"",
    on_progress: Callable[[str], None] | None = None,
) -> bytes:
    """Run to the end and answer with stdout. Raises GitError, also when it takes too long (its children die too)."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(stdin, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        raise GitError(f"git did not finish within {timeout_seconds:g} s", None) from None
    except BaseException:
        _kill_group(process)
        raise
    if on_progress is not None:
        on_progress(errors.decode("utf-8", "replace"))
    if process.returncode != 0:
        raise GitError(said(errors), process.returncode)
    return output


def said(errors: bytes, limit: int = 1000) -> str:
    """What git wrote to stderr, fit for a message: its last lines, without progress meters."""
    lines = errors.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    words = [line.strip() for line in lines if line.strip() and not line.rstrip().endswith("%)")]
    return "; ".join(words)[-limit:] or "git said nothing"


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
