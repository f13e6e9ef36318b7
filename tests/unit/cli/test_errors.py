"""What a person is told when a command can't do as asked: what, what to do, and a stable code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.errors import CliError, Exit
from gateway.cli.main import make_cli, run_cli
from gateway.version import VERSION

COMMANDS = [
    ("abort",),
    ("analysis", "replay"),
    ("approvals",),
    ("agents",),
    ("agents", "drain"),
    ("agents", "queue"),
    ("apps",),
    ("apps", "archive"),
    ("apps", "create"),
    ("apps", "environments"),
    ("apps", "show"),
    ("apps", "update"),
    ("apps", "webhook"),
    ("approve",),
    ("cancel",),
    ("deploy",),
    ("deployments",),
    ("deployments", "show"),
    ("envs",),
    ("freeze",),
    ("pause",),
    ("promote",),
    ("quarantine",),
    ("quarantine", "lift"),
    ("releases",),
    ("releases", "create"),
    ("releases", "show"),
    ("resume",),
    ("rollback",),
    ("unfreeze",),
    ("deliveries",),
    ("deliveries", "redeliver"),
    ("events",),
    ("events", "tail"),
    ("lint",),
    ("logs",),
    ("rerun",),
    ("run",),
    ("runs",),
    ("show",),
    ("status",),
]


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without any installation."""
    for name in ("SEALANE_URL", "SEALANE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_json(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(make_cli(), [*command, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output


@pytest.mark.usefixtures("nowhere")
def test_without_an_installation_it_says_how_to_get_one() -> None:
    result = CliRunner().invoke(make_cli(), ["status"])
    assert isinstance(result.exception, CliError)
    assert (result.exception.code, result.exception.exit_code) == ("not-connected", Exit.UNAVAILABLE)
    assert "sealane up" in str(result.exception)


@pytest.mark.usefixtures("nowhere")
def test_installation_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALANE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SEALANE_TOKEN", "sl_x")
    result = CliRunner().invoke(make_cli(), ["runs"])
    assert isinstance(result.exception, CliError)
    assert result.exception.code == "gateway-unreachable"
    assert "http://127.0.0.1:9" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run"], "app-missing"),
        (["run", "shop", "--input", "a"], "input-invalid"),
        (["show", "shop#x"], "run-name-invalid"),
        (["rerun", "shop", "--failed", "--from", "build"], "options-conflict"),
        (["promote", "shop"], "rollout-name-invalid"),
        (["deployments", "show", "shop"], "rollout-name-invalid"),
        (["envs", "--history"], "app-missing"),
        (
            ["freeze", "shop", "dev", "--reason", "x", "--until", "2030-01-01", "--hours", "1"],
            "options-conflict",
        ),
        (["releases", "create", "shop"], "options-conflict"),
        (["releases", "create", "shop", "--commit", "a", "--config", "b"], "input-invalid"),
        (["analysis", "replay", "us-east-0123456789abcdef", "--max", "error-rate"], "limit-invalid"),
    ],
)
def test_call_that_makes_no_sense_asks_no_server(words: list[str], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALANE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SEALANE_TOKEN", "sl_x")
    result = CliRunner().invoke(make_cli(), words)
    assert isinstance(result.exception, CliError)
    assert (result.exception.code, result.exception.exit_code) == (code, Exit.USAGE)


def test_error_is_one_line_with_hint_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise CliError("There is no app 'shop'.", Exit.NOT_FOUND, "app-unknown")

    with pytest.raises(SystemExit) as ended:
        run_cli(fail)
    assert ended.value.code == Exit.NOT_FOUND
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: There is no app 'shop'. ('sealane apps' lists them")
    assert line.endswith("[app-unknown]")


def test_version() -> None:
    assert CliRunner().invoke(make_cli(), ["--version"]).output == f"sealane {VERSION}\n"


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        ("bash", {"COMP_WORDS": "sealane app", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "sealane app"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "sealane app", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands(shell: str, environment: dict[str, str]) -> None:
    asked = environment | {"_SEALANE_COMPLETE": f"complete_{shell}"}
    output = CliRunner().invoke(make_cli(), prog_name="sealane", env=asked).output
    assert [name for name in ("approve", "approvals", "apps") if name in output] == ["approve", "approvals", "apps"]
    assert "cancel" not in output
