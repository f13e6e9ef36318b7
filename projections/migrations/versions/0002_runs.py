"""The tables of runs."""

from alembic import op

revision = "0002"
down_revision: str | None = "0001"

STATEMENTS = (
    """CREATE TABLE runs (
        id TEXT NOT NULL,
        app TEXT DEFAULT '' NOT NULL,
        number INTEGER DEFAULT '0' NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        outcome TEXT,
        ignored BOOLEAN DEFAULT 'false' NOT NULL,
        code TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        pipeline TEXT DEFAULT '' NOT NULL,
        description TEXT DEFAULT '' NOT NULL,
        source TEXT DEFAULT '' NOT NULL,
        ref TEXT DEFAULT '' NOT NULL,
        branch TEXT DEFAULT '' NOT NULL,
        base_branch TEXT DEFAULT '' NOT NULL,
        tag TEXT DEFAULT '' NOT NULL,
        pull_request INTEGER,
        commit TEXT DEFAULT '' NOT NULL,
        title TEXT DEFAULT '' NOT NULL,
        author TEXT DEFAULT '' NOT NULL,
        actor TEXT DEFAULT '' NOT NULL,
        round INTEGER DEFAULT '0' NOT NULL,
        delivery_id TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        repository_url TEXT DEFAULT '' NOT NULL,
        pipeline_path TEXT DEFAULT '' NOT NULL,
        inputs JSONB DEFAULT '{}' NOT NULL,
        problems JSONB DEFAULT '[]' NOT NULL,
        warnings JSONB DEFAULT '[]' NOT NULL,
        concurrency_group TEXT DEFAULT '' NOT NULL,
        concurrency_policy TEXT DEFAULT '' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        plan_by TIMESTAMP WITH TIME ZONE,
        planned_at TIMESTAMP WITH TIME ZONE,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        cancelled_at TIMESTAMP WITH TIME ZONE,
        cancelled_by TEXT DEFAULT '' NOT NULL,
        cancel_reason TEXT DEFAULT '' NOT NULL,
        cancel_detail TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (id)
    )
     WITH (fillfactor = 70)""",
    "CREATE INDEX runs_newest ON runs (created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_newest_of_actor ON runs (actor, created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_newest_of_all ON runs (created_at, id)",
    "CREATE INDEX runs_newest_of_app ON runs (app, created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_newest_of_app_branch ON runs (app, branch, created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_newest_of_app_of_all ON runs (app, created_at, id)",
    "CREATE INDEX runs_newest_of_app_outcome ON runs (app, outcome, created_at, id)",
    "CREATE INDEX runs_newest_of_branch ON runs (branch, created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_newest_of_commit ON runs (commit, created_at, id)",
    "CREATE INDEX runs_newest_of_outcome ON runs (outcome, created_at, id)",
    "CREATE INDEX runs_newest_of_region ON runs (region, created_at, id) WHERE NOT ignored",
    "CREATE INDEX runs_number ON runs (app, number)",
    "CREATE INDEX runs_unfinished ON runs (created_at, id) WHERE state <> 'finished'",
    """CREATE TABLE stages (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER DEFAULT '0' NOT NULL,
        layer INTEGER DEFAULT '0' NOT NULL,
        needs JSONB DEFAULT '[]' NOT NULL,
        condition TEXT,
        max_parallel INTEGER,
        approval JSONB,
        environment TEXT,
        state TEXT DEFAULT '' NOT NULL,
        outcome TEXT,
        code TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (run_id, name)
    )
     WITH (fillfactor = 70)""",
    """CREATE TABLE jobs (
        run_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        stage TEXT DEFAULT '' NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        position INTEGER DEFAULT '0' NOT NULL,
        matrix JSONB DEFAULT '{}' NOT NULL,
        region TEXT,
        pool TEXT DEFAULT '' NOT NULL,
        labels JSONB DEFAULT '[]' NOT NULL,
        priority INTEGER DEFAULT '0' NOT NULL,
        step_names JSONB DEFAULT '[]' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        outcome TEXT,
        reason TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        blocked_reason TEXT DEFAULT '' NOT NULL,
        attempt INTEGER DEFAULT '0' NOT NULL,
        agent_id TEXT,
        queued_at TIMESTAMP WITH TIME ZONE,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        deadline_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (run_id, job_id)
    )
     WITH (fillfactor = 70)""",
    "CREATE INDEX jobs_active ON jobs (run_id) WHERE state IN ('queued', 'running')",
    """CREATE TABLE attempts (
        run_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        stage TEXT DEFAULT '' NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        pool TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        outcome TEXT,
        reason TEXT DEFAULT '' NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        cause TEXT DEFAULT '' NOT NULL,
        agent_id TEXT,
        epoch INTEGER,
        will_retry BOOLEAN DEFAULT 'false' NOT NULL,
        cancel_reason TEXT DEFAULT '' NOT NULL,
        queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        outputs JSONB DEFAULT '{}' NOT NULL,
        log_chunks INTEGER DEFAULT '0' NOT NULL,
        log_lines BIGINT DEFAULT '0' NOT NULL,
        log_bytes BIGINT DEFAULT '0' NOT NULL,
        log_dropped_bytes BIGINT DEFAULT '0' NOT NULL,
        PRIMARY KEY (run_id, job_id, attempt)
    )
     WITH (fillfactor = 70)""",
    """CREATE TABLE steps (
        run_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        index BIGINT NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        outcome TEXT,
        exit_code INTEGER,
        reason TEXT DEFAULT '' NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (run_id, job_id, attempt, index)
    )
     WITH (fillfactor = 70)""",
    """CREATE TABLE approvals (
        run_id TEXT NOT NULL,
        stage TEXT NOT NULL,
        requested_version BIGINT DEFAULT '0' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        count INTEGER DEFAULT '0' NOT NULL,
        groups JSONB DEFAULT '[]' NOT NULL,
        prevent_self_approval BOOLEAN DEFAULT 'false' NOT NULL,
        requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE,
        decided_by TEXT DEFAULT '' NOT NULL,
        comment TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (run_id, stage)
    )""",
    "CREATE INDEX approvals_pending ON approvals (requested_at) WHERE state = 'pending'",
    "CREATE INDEX approvals_pending_of_run ON approvals (run_id) WHERE state = 'pending'",
    """CREATE TABLE approval_votes (
        run_id TEXT NOT NULL,
        stage TEXT NOT NULL,
        version BIGINT NOT NULL,
        given_by TEXT DEFAULT '' NOT NULL,
        comment TEXT DEFAULT '' NOT NULL,
        given_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (run_id, stage, version)
    )""",
    """CREATE TABLE concurrency (
        run_id TEXT NOT NULL,
        stream TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT '' NOT NULL,
        round INTEGER DEFAULT '0' NOT NULL,
        behind TEXT DEFAULT '' NOT NULL,
        superseded_by TEXT DEFAULT '' NOT NULL,
        log_offset BIGINT DEFAULT '0' NOT NULL,
        PRIMARY KEY (run_id)
    )""",
    "CREATE INDEX concurrency_queued ON concurrency (stream, log_offset) WHERE state = 'queued'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Views are rebuilt from the log, never migrated backwards."""
    raise RuntimeError("views are not migrated backwards: rebuild the views with the older version instead")
