"""Subscriptions, their notifications and the attempts to deliver them."""

from alembic import op

revision = "0006"
down_revision: str | None = "0005"

STATEMENTS = (
    """CREATE TABLE subscriptions (
        name TEXT NOT NULL,
        kind TEXT DEFAULT '' NOT NULL,
        url TEXT DEFAULT '' NOT NULL,
        url_secret TEXT DEFAULT '' NOT NULL,
        address TEXT DEFAULT '' NOT NULL,
        signing_secret TEXT DEFAULT '' NOT NULL,
        secret_version INTEGER DEFAULT '0' NOT NULL,
        old_secret_until TIMESTAMP WITH TIME ZONE,
        types JSONB DEFAULT '[]' NOT NULL,
        apps JSONB DEFAULT '[]' NOT NULL,
        environments JSONB DEFAULT '[]' NOT NULL,
        enabled BOOLEAN DEFAULT 'false' NOT NULL,
        disabled_code TEXT DEFAULT '' NOT NULL,
        disabled_detail TEXT DEFAULT '' NOT NULL,
        disabled_by TEXT DEFAULT '' NOT NULL,
        disabled_at TIMESTAMP WITH TIME ZONE,
        created_by TEXT DEFAULT '' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (name)
    )""",
    """CREATE TABLE notifications (
        subscription TEXT NOT NULL,
        id TEXT NOT NULL,
        type TEXT DEFAULT '' NOT NULL,
        title TEXT DEFAULT '' NOT NULL,
        app TEXT DEFAULT '' NOT NULL,
        environment TEXT DEFAULT '' NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        link TEXT DEFAULT '' NOT NULL,
        tone TEXT DEFAULT '' NOT NULL,
        event TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        status INTEGER,
        code TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        next_at TIMESTAMP WITH TIME ZONE,
        ended_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (subscription, id)
    ) WITH (fillfactor = 70)""",
    "CREATE INDEX notifications_newest ON notifications (subscription, queued_at, id)",
    "CREATE INDEX notifications_pending ON notifications (subscription) WHERE state = 'pending'",
    """CREATE TABLE notification_attempts (
        subscription TEXT NOT NULL,
        id TEXT NOT NULL,
        stream_version BIGINT NOT NULL,
        attempt INTEGER DEFAULT '0' NOT NULL,
        outcome TEXT DEFAULT '' NOT NULL,
        status INTEGER DEFAULT '0' NOT NULL,
        code TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        duration_ms INTEGER DEFAULT '0' NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (subscription, id, stream_version)
    )""",
    "CREATE INDEX notification_attempts_newest ON notification_attempts (subscription, stream_version)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Views are rebuilt from the log, never migrated backwards."""
    raise RuntimeError("views are not migrated backwards: rebuild the views with the older version instead")
