"""Settings for commands: a wrong one ends the command with one message."""

from gateway.cli.errors import CliError, Exit
from infra.settings import Settings, SettingsError, load_settings


def settings_or_error() -> Settings:
    """The settings. Raises CliError where one is wrong."""
    try:
        return load_settings()
    except SettingsError as error:
        raise CliError(str(error), Exit.INVALID_INPUT, error.code) from error
