-- One row a sensor: its state, its place, its lease.
-- The place is (position, upper, last_xid, last_event_id): everything visible in position has been passed, and of what
-- became visible up to upper, everything up to the key (last_xid, last_event_id). All null: never started.
CREATE TABLE runbell.sensors (
    sensor_name text PRIMARY KEY,
    module text NOT NULL,
    code_location text,
    -- The process whose code declares it; that process gone, another one of the module takes this over.
    deployed_by uuid,
    state text NOT NULL DEFAULT 'declared' CHECK (state IN ('declared', 'running', 'stopped')),
    declared_active boolean NOT NULL,
    filter jsonb NOT NULL,
    -- Only who offers this very filter may hold the lease: an older version of the module would pass events by.
    filter_hash bigint NOT NULL,
    former_filter jsonb,
    filter_since pg_snapshot,
    position pg_snapshot,
    upper pg_snapshot,
    last_xid xid8,
    last_event_id bigint,
    lease_holder uuid,
    lease_epoch bigint NOT NULL DEFAULT 0,
    -- It blocked a process that evaluates others as well: it is evaluated in one of its own until it behaves.
    apart boolean NOT NULL DEFAULT false,
    last_outcome text,
    last_evaluated_at timestamptz,
    deployed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((upper IS NULL) = (last_xid IS NULL) AND (upper IS NULL) = (last_event_id IS NULL))
-- Rewritten by each commit, and no index on what changes: half-empty pages keep those updates in place (HOT).
) WITH (fillfactor = 50)
