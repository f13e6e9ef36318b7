"""The command answers at once: a person waits for it, and a shell asks it for completions."""

import subprocess
import sys

HEAVY = ("fastapi", "sqlalchemy", "confluent_kafka", "pydantic", "cel", "uvicorn", "infra")


def test_command_loads_none_of_the_platform() -> None:
    code = "import sys; from gateway.cli.main import make_cli; make_cli(); print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()}.isdisjoint(HEAVY)
