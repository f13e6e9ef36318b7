"""The read side's pool of connections."""

from sqlalchemy.ext.asyncio import create_async_engine

from infra.postgres.connections import sqlalchemy_url
from projections.migrations.runner import DEFAULT_SCHEMA, check_schema_name
from projections.queries.database import ReadSide


def open_read_side(database_url: str, schema: str = DEFAULT_SCHEMA, connections: int = 8) -> ReadSide:
    """Connects when first asked."""
    check_schema_name(schema)
    engine = create_async_engine(
        sqlalchemy_url(database_url),
        pool_size=connections,
        max_overflow=4,
        pool_pre_ping=True,
        connect_args={"options": f"-c search_path={schema} -c timezone=UTC", "application_name": "sealane-gateway"},
    )
    return ReadSide(engine)
