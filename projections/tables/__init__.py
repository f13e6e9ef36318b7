"""The tables of the views. Each view table is fed from one partition's order only; queries join."""

from projections.tables import (
    catalog,
    deployments,
    environments,
    logbook,
    notifications,
    pools,
    rollouts,
    runs,
)
from projections.tables.columns import metadata

CARRIED_OVER = (logbook.log_segments, logbook.log_gaps)
OFFSETS = logbook.projection_offsets

__all__ = [
    "CARRIED_OVER",
    "OFFSETS",
    "catalog",
    "deployments",
    "environments",
    "logbook",
    "metadata",
    "notifications",
    "pools",
    "rollouts",
    "runs",
]
