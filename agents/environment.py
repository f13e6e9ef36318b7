"""The variables a step sees: a few of the machine's, the job's, the step's, and the places that are always ours."""

import os
from collections.abc import Mapping

from agents.executors.base import JobPaths

# Of the agent's own environment a job gets these and no other: its token and its paths stay its own.
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "PIP_INDEX_URL",
    "PIP_CERT",
)
_DEFAULTS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm-256color"}


def machine_environment(machine: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What of the agent's environment a job may know."""
    return _DEFAULTS | {name: machine[name] for name in PASSED_ON if name in machine}


def step_environment(
    machine: Mapping[str, str], job: Mapping[str, str], step: Mapping[str, str], paths: JobPaths
) -> dict[str, str]:
    """Later wins; WORKSPACE and OUTPUT can't be overridden."""
    identity = {"HOME": paths.home, "TMPDIR": paths.temporary, "USER": "sealane", "LOGNAME": "sealane"}
    places = {"WORKSPACE": paths.workspace, "OUTPUT": f"{paths.output}/values"}
    return {**machine, **identity, **job, **step, **places}
