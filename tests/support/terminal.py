"""The command line, called in this process."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from gateway.cli.errors import CliError
from gateway.cli.main import make_cli
from tests.support.gateway_house import GatewayHouse


class Terminal:
    """`sealane` as the administrator calls it."""

    def __init__(self, house: GatewayHouse) -> None:
        self._env = {"SEALANE_URL": house.settings.url, "SEALANE_TOKEN": house.admin_token, "COLUMNS": "200"}

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(make_cli(), words, env=self._env)

    def says(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.says(*words, "--json"))

    def fails(self, *words: str) -> tuple[int, str]:
        error = self.run(*words).exception
        assert isinstance(error, CliError), error
        return error.exit_code, error.code
