"""`--metrics-port` of the commands that run one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from gateway.cli.errors import CliError, Exit
from infra.metrics.endpoint import MetricsPortTaken

MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port", help="Serve /metrics on this port; 0: any free one. Default: not.", min=0, max=65535
    ),
]


@contextmanager
def metrics_port_errors() -> Iterator[None]:
    """A port that can't be had is bad input of the command."""
    try:
        yield
    except MetricsPortTaken as error:
        raise CliError(str(error), Exit.INVALID_INPUT, error.code) from error
