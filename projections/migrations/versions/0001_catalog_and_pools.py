"""The tables of catalog and pools."""

from alembic import op

revision = "0001"
down_revision: str | None = None

STATEMENTS = (
    """CREATE TABLE apps (
        name TEXT NOT NULL,
        repository_url TEXT DEFAULT '' NOT NULL,
        repository_key TEXT DEFAULT '' NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        forge TEXT DEFAULT '' NOT NULL,
        default_branch TEXT DEFAULT '' NOT NULL,
        pipeline_path TEXT DEFAULT '' NOT NULL,
        archived BOOLEAN DEFAULT 'false' NOT NULL,
        runs INTEGER DEFAULT '0' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (name)
    )""",
    "CREATE INDEX apps_repository ON apps (repository_key)",
    """CREATE TABLE schedules (
        app TEXT NOT NULL,
        entries JSONB DEFAULT '[]' NOT NULL,
        commit TEXT DEFAULT '' NOT NULL,
        set_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (app)
    )""",
    """CREATE TABLE schedule_firings (
        app TEXT NOT NULL,
        cron TEXT NOT NULL,
        timezone TEXT NOT NULL,
        last_due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        next_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (app, cron, timezone)
    )""",
    """CREATE TABLE principals (
        name TEXT NOT NULL,
        roles JSONB DEFAULT '[]' NOT NULL,
        groups JSONB DEFAULT '[]' NOT NULL,
        pools JSONB DEFAULT '[]' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (name)
    )""",
    """CREATE TABLE tokens (
        principal TEXT NOT NULL,
        token_id TEXT NOT NULL,
        token_hash TEXT DEFAULT '' NOT NULL,
        description TEXT DEFAULT '' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (principal, token_id)
    )""",
    "CREATE INDEX tokens_hash ON tokens (token_hash)",
    """CREATE TABLE pools (
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (region, name)
    )""",
    """CREATE TABLE agents (
        region TEXT NOT NULL,
        pool TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        session TEXT DEFAULT '' NOT NULL,
        slots INTEGER DEFAULT '0' NOT NULL,
        labels JSONB DEFAULT '[]' NOT NULL,
        isolation TEXT DEFAULT '' NOT NULL,
        version TEXT DEFAULT '' NOT NULL,
        connected BOOLEAN DEFAULT 'false' NOT NULL,
        draining BOOLEAN DEFAULT 'false' NOT NULL,
        gone TEXT DEFAULT '' NOT NULL,
        connected_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        gone_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (region, pool, agent_id)
    )
     WITH (fillfactor = 70)""",
    """CREATE TABLE queue (
        attempt_key TEXT NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        pool TEXT DEFAULT '' NOT NULL,
        app TEXT DEFAULT '' NOT NULL,
        run_id TEXT DEFAULT '' NOT NULL,
        job_id TEXT DEFAULT '' NOT NULL,
        attempt INTEGER DEFAULT '0' NOT NULL,
        priority INTEGER DEFAULT '0' NOT NULL,
        labels JSONB DEFAULT '[]' NOT NULL,
        queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        agent_id TEXT,
        epoch INTEGER,
        accept_by TIMESTAMP WITH TIME ZONE,
        accepted_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (attempt_key)
    )
     WITH (fillfactor = 70)""",
    "CREATE INDEX queue_of_pool ON queue (region, pool, state)",
    "CREATE INDEX queue_of_run ON queue (run_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Views are rebuilt from the log, never migrated backwards."""
    raise RuntimeError("views are not migrated backwards: rebuild the views with the older version instead")
