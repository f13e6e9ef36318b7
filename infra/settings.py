"""Settings: one struct, filled from `sealane.toml`, then from the environment (SEALANE_*, and a few usual names).

Light on purpose: the processor and the agents read it too, and must stay small.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.eventlog.topics import Topology

LISTS = ("regions", "deploy_regions")
FORGES_WITH_STATUS = ("github", "gitlab", "gitea")

# Names that other tools use too; they win over nothing but the default.
USUAL_NAMES = {
    "kafka_bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS",
    "database_url": "DATABASE_URL",
    "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "otlp_headers": "OTEL_EXPORTER_OTLP_HEADERS",
    "prometheus_url": "PROMETHEUS_URL",
}


class SettingsError(Exception):
    """A setting that can't be used; the text names it, where it came from and what is allowed."""

    code = "settings-invalid"


class ForgeApi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where commit statuses are posted, and with which token. No token: none are posted."""

    base_url: str = ""
    token: str = ""


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server of e-mail notifications. No host: none are sent. `sender` is the address they come from."""

    host: str = ""
    port: int = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Durations in seconds, sizes in bytes."""

    data_dir: str = ".sealane"
    targets_dir: str = ""
    deploy_regions: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("us-east", "eu-west", "ap-south")
    partitions_per_region: int = 1
    brokers: int = 1
    kafka_bootstrap_servers: str = ""
    replication_factor: int = 1
    min_insync_replicas: int = 1
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    instance: str = "1"
    processors: int = 1
    agent_slots: int = 2
    snapshot_every_events: int = 2000
    max_log_bytes: int = 1 << 30
    open_git: bool = True
    log_level: str = "INFO"
    unsafe_no_sandbox: bool = False
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    otlp_endpoint: str = ""
    otlp_headers: str = ""
    prometheus_url: str = ""
    prometheus_targets_dir: str = ""
    forges: dict[str, ForgeApi] = {}
    secrets: dict[str, str] = {}
    smtp: Smtp = Smtp()
    notify_private_addresses: bool = False

    @property
    def topology(self) -> Topology:
        return Topology(self.regions, self.partitions_per_region)

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).expanduser().resolve()

    @property
    def targets_path(self) -> Path:
        """Where the targets of this machine are: what was deployed, and what runs."""
        return Path(self.targets_dir).expanduser().resolve() if self.targets_dir else self.data_path / "targets"

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def load_settings(environment: Mapping[str, str] = os.environ, file: Path | None = None) -> Settings:
    """Settings from the file (default `sealane.toml` here, if there is one) and the environment, which wins.

    Raises SettingsError naming the setting and its source.
    """
    path = file or Path(environment.get("SEALANE_CONFIG", "sealane.toml"))
    values = _from_file(path) if file or path.exists() else {}
    for name, value in _from_environment(environment).items():
        values[name] = values.get(name, {}) | value if isinstance(value, dict) else value
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"a setting of {path} or the environment (SEALANE_*) is wrong: {error}") from error
    _check(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        name = f"SEALANE_{field.upper()}"
        text = environment.get(name) or environment.get(USUAL_NAMES.get(field, ""), "")
        if text and field not in ("forges", "secrets", "smtp"):
            values[field] = text.split(",") if field in LISTS else text
    forges = {forge: api for forge in FORGES_WITH_STATUS if (api := _forge_from_environment(forge, environment))}
    groups = {"forges": forges, "secrets": _secrets_from_environment(environment), "smtp": _smtp(environment)}
    return values | {name: found for name, found in groups.items() if found}


def _secrets_from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """SEALANE_SECRET_OPS_SLACK is the secret `ops-slack`."""
    prefix = "SEALANE_SECRET_"
    named = {name.removeprefix(prefix): value for name, value in environment.items() if name.startswith(prefix)}
    return {name.lower().replace("_", "-"): value for name, value in named.items() if name and value}


def _smtp(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = {field: environment.get(f"SEALANE_SMTP_{field.upper()}", "") for field in Smtp.__struct_fields__}
    return {field: value for field, value in pairs.items() if value}


def _forge_from_environment(forge: str, environment: Mapping[str, str]) -> dict[str, str]:
    prefix = f"SEALANE_{forge.upper()}"
    pairs = {"base_url": environment.get(f"{prefix}_URL", ""), "token": environment.get(f"{prefix}_TOKEN", "")}
    return {key: value for key, value in pairs.items() if value}


def _check(settings: Settings) -> None:
    if not settings.regions or len(set(settings.regions)) != len(settings.regions):
        raise SettingsError("SEALANE_REGIONS must name at least one region, each once, comma-separated")
    for region in settings.regions:
        if not region.replace("-", "").isalnum() or region != region.lower():
            raise SettingsError(f"region '{region}' must be lower-case letters, digits and hyphens")
    unknown_regions = [region for region in settings.deploy_regions if region not in settings.regions]
    if unknown_regions:
        known = ", ".join(settings.regions)
        raise SettingsError(
            f"SEALANE_DEPLOY_REGIONS names '{unknown_regions[0]}', which is none of SEALANE_REGIONS ({known})"
        )
    if not 1 <= settings.partitions_per_region <= 1000:
        raise SettingsError("SEALANE_PARTITIONS_PER_REGION must be between 1 and 1000")
    if not 0 < settings.port < 65536:
        raise SettingsError(f"SEALANE_PORT must be between 1 and 65535, not {settings.port}")
    if settings.metrics_port is not None and not 0 <= settings.metrics_port < 65536:
        raise SettingsError(
            f"SEALANE_METRICS_PORT must be between 0 (any free one) and 65535, not {settings.metrics_port}"
        )
    _check_url("SEALANE_OTLP_ENDPOINT", settings.otlp_endpoint, "a collector, as http://127.0.0.1:4318")
    _check_url("SEALANE_PROMETHEUS_URL", settings.prometheus_url, "a Prometheus, as http://127.0.0.1:9090")
    if not 1 <= settings.brokers <= 9 or settings.brokers == 2:
        raise SettingsError(f"SEALANE_BROKERS must be 1, or 3 to 9 (two can't outvote one), not {settings.brokers}")
    if settings.max_log_bytes < 1:
        raise SettingsError(f"SEALANE_MAX_LOG_BYTES must be at least 1, not {settings.max_log_bytes}")
    _check_smtp(settings.smtp)
    unknown = set(settings.forges) - set(FORGES_WITH_STATUS)
    if unknown:
        raise SettingsError(f"[forges] knows {', '.join(FORGES_WITH_STATUS)}, not {', '.join(sorted(unknown))}")


def _check_url(name: str, value: str, what: str) -> None:
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name} must be the http(s) URL of {what}, not '{value}'")


def _check_smtp(smtp: Smtp) -> None:
    if smtp.host and "@" not in smtp.sender:
        raise SettingsError(f"SEALANE_SMTP_SENDER must be the address that mails come from, not '{smtp.sender}'")
    if not 0 < smtp.port < 65536:
        raise SettingsError(f"SEALANE_SMTP_PORT must be between 1 and 65535, not {smtp.port}")
