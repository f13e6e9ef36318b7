"""The command answers at once: a person waits for it, and a shell asks it for completions."""

import subprocess
import sys

HEAVY = ("fastapi", "sqlalchemy", "confluent_kafka", "pydantic", "psycopg", "cel", "uvicorn")


def loaded(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_command_loads_none_of_the_platform() -> None:
    assert loaded("from gateway.cli.main import make_cli; make_cli()").isdisjoint((*HEAVY, "infra"))


def test_commands_that_run_an_installation_load_what_they_need_when_they_are_called() -> None:
    assert loaded("from infra.main import full_cli; full_cli()").isdisjoint(HEAVY)
