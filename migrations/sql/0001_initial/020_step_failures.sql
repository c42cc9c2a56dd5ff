-- The failed steps of runs, as recorded by record_step_failure.
CREATE TABLE runbell.step_failures (
    step_failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    run_id text NOT NULL,
    step_key text NOT NULL,
    error jsonb NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
