"""Pools name fallbacks and can be evacuated; an attempt may be listed in two pools for a moment."""

from alembic import op

revision = "0004"
down_revision: str | None = "0003"

STATEMENTS = (
    """ALTER TABLE pools
        ADD COLUMN fallback JSONB DEFAULT '[]' NOT NULL,
        ADD COLUMN evacuate_after_seconds INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN evacuated_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN evacuated_reason TEXT DEFAULT '' NOT NULL,
        ADD COLUMN evacuated_by TEXT DEFAULT '' NOT NULL""",
    """ALTER TABLE queue
        ALTER COLUMN region DROP DEFAULT,
        ALTER COLUMN pool DROP DEFAULT,
        DROP CONSTRAINT queue_pkey,
        ADD PRIMARY KEY (attempt_key, region, pool)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Views are rebuilt from the log, never migrated backwards."""
    raise RuntimeError("views are not migrated backwards: rebuild the views with the older version instead")
