-- What is known of each run. A run is (source, run_id).
CREATE TABLE runbell.runs (
    source text NOT NULL,
    run_id text NOT NULL,
    job_name text NOT NULL,
    code_location text,
    status text NOT NULL,
    partition_key text,
    tags jsonb NOT NULL DEFAULT '{}',
    run_config jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, run_id)
) WITH (fillfactor = 70)
