"""Settings come from file and environment, and bad ones are named."""

from pathlib import Path

import pytest

from infra.settings import Settings, SettingsError, Smtp, load_settings

NOWHERE = {"SEALANE_CONFIG": "/nonexistent/sealane.toml"}


def test_defaults_need_nothing() -> None:
    assert load_settings(NOWHERE) == Settings()


def test_environment_wins_over_file(tmp_path: Path) -> None:
    file = tmp_path / "sealane.toml"
    file.write_text('port = 9000\nregions = ["a", "b"]\n')
    settings = load_settings({"SEALANE_PORT": "9001"}, file)
    assert (settings.port, settings.regions) == (9001, ("a", "b"))


def test_usual_names_are_understood() -> None:
    assert load_settings(NOWHERE | {"DATABASE_URL": "postgresql://x"}).database_url == "postgresql://x"
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}
    settings = load_settings(NOWHERE | collector)
    assert (settings.otlp_endpoint, settings.otlp_headers) == ("http://127.0.0.1:4318", "a=b")


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("9400", 9400), ("", None), ("null", None)])
def test_metrics_port_may_be_any_free_one_or_none(text: str, port: int | None) -> None:
    assert load_settings(NOWHERE | {"SEALANE_METRICS_PORT": text}).metrics_port == port


def test_forge_tokens_come_from_the_environment() -> None:
    settings = load_settings(NOWHERE | {"SEALANE_GITHUB_TOKEN": "t", "SEALANE_GITHUB_URL": "http://gh"})
    assert settings.forges["github"].token == "t"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SEALANE_MAX_LOG_BYTES": "0"}, "must be at least 1, not 0"),
        ({"SEALANE_PORT": "http"}, "port"),
        ({"SEALANE_PORT": "70000"}, "SEALANE_PORT"),
        ({"SEALANE_METRICS_PORT": "-1"}, "SEALANE_METRICS_PORT"),
        ({"SEALANE_OTLP_ENDPOINT": "collector:4318"}, "SEALANE_OTLP_ENDPOINT"),
        ({"PROMETHEUS_URL": "prometheus:9090"}, "SEALANE_PROMETHEUS_URL"),
        ({"SEALANE_REGIONS": "a,a"}, "SEALANE_REGIONS"),
        ({"SEALANE_REGIONS": "US East"}, "US East"),
        ({"SEALANE_PARTITIONS_PER_REGION": "0"}, "SEALANE_PARTITIONS_PER_REGION"),
        ({"SEALANE_BROKERS": "2"}, "SEALANE_BROKERS"),
        ({"SEALANE_BROKERS": "10"}, "SEALANE_BROKERS"),
        ({"SEALANE_SMTP_HOST": "mail"}, "SEALANE_SMTP_SENDER"),
        ({"SEALANE_SMTP_PORT": "0"}, "SEALANE_SMTP_PORT"),
        ({"SEALANE_SMTP_SECURITY": "ssl"}, "smtp"),
    ],
)
def test_bad_settings_are_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(NOWHERE | environment)


def test_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sealane.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="prot"):
        load_settings({}, file)


def test_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sealane.toml"
    file.write_text("port = = 1\n")
    with pytest.raises(SettingsError, match=r"sealane\.toml"):
        load_settings({}, file)


def test_secrets_and_mail_server_come_from_both_and_the_environment_wins_name_by_name(tmp_path: Path) -> None:
    file = tmp_path / "sealane.toml"
    file.write_text('[secrets]\nops-slack = "a"\npartner = "b"\n[smtp]\nhost = "mail"\nsender = "s@example.org"\n')
    environment = {"SEALANE_SECRET_OPS_SLACK": "c", "SEALANE_SMTP_PORT": "2525", "SEALANE_SMTP_SECURITY": "none"}
    settings = load_settings(environment, file)
    assert settings.secrets == {"ops-slack": "c", "partner": "b"}
    assert settings.smtp == Smtp("mail", 2525, "none", sender="s@example.org")
