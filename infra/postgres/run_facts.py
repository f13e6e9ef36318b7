"""What the commit status connector must know of a run, from the views."""

from collections.abc import Callable

from agents.connectors.commit_status import RunFacts
from infra.postgres.connections import connector
from projections.migrations.runner import DEFAULT_SCHEMA

_QUERY = """
SELECT r.app, r.number, a.forge, r.repository_url, r.commit FROM runs r JOIN apps a ON a.name = r.app WHERE r.id = %s
"""


def run_facts(database_url: str) -> Callable[[str], RunFacts | None]:
    """Asks with a connection of its own each time: it is asked only where a status is to be posted."""
    connect = connector(database_url, DEFAULT_SCHEMA, "sealane-commit-status")

    def facts(run_id: str) -> RunFacts | None:
        with connect() as connection:
            row = connection.execute(_QUERY, (run_id,)).fetchone()
        return RunFacts(*row) if row else None

    return facts
