-- Whose own run is this? Asked for each event that is read.
CREATE INDEX run_requests_by_run ON runbell.run_requests (run_id, target) WHERE run_id IS NOT NULL
