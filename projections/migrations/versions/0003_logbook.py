"""The tables of the log itself: audit, deliveries, dead letters, archived logs, offsets."""

from alembic import op

revision = "0003"
down_revision: str | None = "0002"

STATEMENTS = (
    """CREATE TABLE audit (
        topic TEXT NOT NULL,
        partition BIGINT NOT NULL,
        log_offset BIGINT NOT NULL,
        event_id TEXT DEFAULT '' NOT NULL,
        type TEXT DEFAULT '' NOT NULL,
        schema_version INTEGER DEFAULT '0' NOT NULL,
        stream TEXT DEFAULT '' NOT NULL,
        stream_version BIGINT DEFAULT '0' NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        actor TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        causation_id TEXT DEFAULT '' NOT NULL,
        chain TEXT DEFAULT '' NOT NULL,
        data TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (topic, partition, log_offset)
    )""",
    "CREATE INDEX audit_newest ON audit (recorded_at, topic, partition, log_offset)",
    "CREATE INDEX audit_of_command ON audit (causation_id text_pattern_ops)",
    "CREATE INDEX audit_of_correlation ON audit (correlation_id, recorded_at)",
    "CREATE INDEX audit_of_stream ON audit (stream, log_offset)",
    "CREATE INDEX audit_of_type ON audit (type, recorded_at, log_offset)",
    """CREATE TABLE deliveries (
        partition BIGINT NOT NULL,
        log_offset BIGINT NOT NULL,
        delivery_id TEXT DEFAULT '' NOT NULL,
        forge TEXT DEFAULT '' NOT NULL,
        event TEXT DEFAULT '' NOT NULL,
        apps JSONB DEFAULT '[]' NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        headers JSONB DEFAULT '{}' NOT NULL,
        body BYTEA NOT NULL,
        request_id TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        redelivery_of TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (partition, log_offset)
    )""",
    "CREATE INDEX deliveries_id ON deliveries (delivery_id, received_at)",
    "CREATE INDEX deliveries_newest ON deliveries (received_at, partition, log_offset)",
    """CREATE TABLE delivery_apps (
        app TEXT NOT NULL,
        partition BIGINT NOT NULL,
        log_offset BIGINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (app, partition, log_offset)
    )""",
    "CREATE INDEX delivery_apps_newest ON delivery_apps (app, received_at, partition, log_offset)",
    """CREATE TABLE delivery_results (
        delivery_id TEXT NOT NULL,
        app TEXT NOT NULL,
        stream_version BIGINT NOT NULL,
        code TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        run_id TEXT,
        decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (delivery_id, app, stream_version)
    )""",
    """CREATE TABLE dead_letters (
        partition BIGINT NOT NULL,
        log_offset BIGINT NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        headers JSONB DEFAULT '{}' NOT NULL,
        key TEXT DEFAULT '' NOT NULL,
        value BYTEA NOT NULL,
        PRIMARY KEY (partition, log_offset)
    )""",
    "CREATE INDEX dead_letters_newest ON dead_letters (recorded_at, partition, log_offset)",
    """CREATE TABLE log_segments (
        attempt_key TEXT NOT NULL,
        first_seq BIGINT NOT NULL,
        last_seq INTEGER DEFAULT '0' NOT NULL,
        first_line BIGINT DEFAULT '0' NOT NULL,
        last_line BIGINT DEFAULT '0' NOT NULL,
        bytes BIGINT DEFAULT '0' NOT NULL,
        object_key TEXT DEFAULT '' NOT NULL,
        partition INTEGER DEFAULT '0' NOT NULL,
        next_offset BIGINT DEFAULT '0' NOT NULL,
        last BOOLEAN DEFAULT 'false' NOT NULL,
        PRIMARY KEY (attempt_key, first_seq)
    )""",
    """CREATE TABLE log_gaps (
        attempt_key TEXT NOT NULL,
        first_seq BIGINT NOT NULL,
        last_seq INTEGER DEFAULT '0' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (attempt_key, first_seq)
    )""",
    """CREATE TABLE projection_offsets (
        topic TEXT NOT NULL,
        partition BIGINT NOT NULL,
        next_offset BIGINT DEFAULT '0' NOT NULL,
        halted TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (topic, partition)
    )
     WITH (fillfactor = 70)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Views are rebuilt from the log, never migrated backwards."""
    raise RuntimeError("views are not migrated backwards: rebuild the views with the older version instead")
