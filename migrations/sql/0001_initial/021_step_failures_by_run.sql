CREATE INDEX step_failures_by_run ON runbell.step_failures (source, run_id)
