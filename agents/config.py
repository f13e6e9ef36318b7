"""What an agent is started with. Everything that varies by machine is here, nothing is read from elsewhere."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

CONNECT_PATH = "/agent/v1/connect"


class ConfigError(Exception):
    """A value an agent can't be started with; the text says which, and what is allowed."""

    code = "agent-config-invalid"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one job may use at most, whatever its pipeline asks for. 0: four fifths of the machine's memory."""

    processes: int = 2048
    memory_bytes: int = 0


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`gateway_url` is the gateway's http(s) address. `name` becomes the agent's id; without one an id is made
    once and kept in `data_dir`. `hidden_paths` are taken out of a job's sight (the platform's own data).
    `run_as`: `unprivileged` runs jobs of a root agent under a uid of their own, `agent` under the agent's.
    """

    gateway_url: str
    token: str
    region: str
    data_dir: Path
    pool: str = "default"
    name: str = ""
    slots: int = 1
    labels: tuple[str, ...] = ()
    executor: Literal["process"] = "process"
    unsafe_no_sandbox: bool = False
    isolation: Literal["auto", "bubblewrap", "unshare", "none"] = "auto"
    run_as: Literal["unprivileged", "agent"] = "unprivileged"
    limits: Limits = Limits()
    hidden_paths: tuple[str, ...] = ()
    spool_bytes: int = 256 << 20
    drain_timeout_seconds: float = 600.0


def check_config(config: AgentConfig) -> None:
    """Raises ConfigError."""
    parts = urlsplit(config.gateway_url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
        raise ConfigError(f"gateway URL '{config.gateway_url}' must look like https://host:port")
    if not config.token:
        raise ConfigError("an agent needs a token (role agent, scoped to its pool)")
    if not 1 <= config.slots <= 256:
        raise ConfigError(f"slots must be between 1 and 256, not {config.slots}")
    if config.spool_bytes < 8 << 20:
        raise ConfigError(f"the spool needs at least 8 MiB, not {config.spool_bytes} bytes")


def connect_url(gateway_url: str) -> str:
    """The WebSocket address behind a gateway's address."""
    parts = urlsplit(gateway_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + CONNECT_PATH, "", ""))
