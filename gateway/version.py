"""The version of this Sealane, as the API, the command line and pyproject.toml say it."""

VERSION = "0.1.0"
