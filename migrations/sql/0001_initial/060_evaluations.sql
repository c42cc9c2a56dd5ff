-- Evaluations that a place has passed without being settled: still running, waiting for a retry, or dead.
-- No foreign key to run_events: a poisoned row must not be able to refuse a commit of others.
CREATE TABLE runbell.evaluations (
    evaluation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor_name text NOT NULL,
    event_id bigint NOT NULL,
    replay bigint NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('running', 'retry', 'dead')),
    attempts integer NOT NULL,
    due_at timestamptz,
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT evaluations_once_per_event UNIQUE (sensor_name, event_id, replay)
) WITH (fillfactor = 70)
