"""The read side for the gateway: one module per subject, each function takes a `ReadSide` (database.py) first.

apps:        list_apps(db) get_app(db, name) apps_by_repository(db, url) schedules(db, app=None)
runs:        list_runs(db, RunFilter(...), cursor=None, limit=50) -> Page[Run]; find_run(db, "id" or "app#12") -> id
run_detail:  run_detail(db, run_id) -> RunDetail | None
approvals:   pending_approvals(db, app=None) -> tuple[Approval, ...]
pools:       list_pools(db) list_agents(db, region=None, pool=None) queue(db, region=None, pool=None, limit=500)
deliveries:  list_deliveries(db, DeliveryFilter(...), cursor, limit) get_delivery(db, delivery_id) -> DeliveryWithBody
audit:       list_events(db, EventFilter(...), cursor, limit) stream_range(db, stream)
dead_letters: list_dead_letters(db, cursor, limit)
decisions:   events_of_command(db, command_id) events_of_scope(db, scope): what became of an API request
logs:        archived_log(db, attempt_key) -> ArchivedLog
principals:  token_owner(db, token_hash) list_principals(db) get_principal(db, name)
consistency: wait_for(db, Position, timeout_seconds) raises NotYetProjected; lag(db)

A cursor that is not one of ours raises InvalidCursor (cursors.py).
"""
