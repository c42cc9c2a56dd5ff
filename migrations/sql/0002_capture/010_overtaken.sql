-- Status changes that the reconciler recorded from an orchestrator's history before its table of runs showed them.
-- Should the table follow after all, capture finds the row here and records nothing a second time.
CREATE TABLE runbell.overtaken (
    source text NOT NULL,
    run_id text NOT NULL,
    status text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, run_id, status)
)
