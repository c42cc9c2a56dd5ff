-- The reconciler asks which status changes of a run were captured.
CREATE INDEX run_events_by_run ON runbell.run_events (source, run_id)
