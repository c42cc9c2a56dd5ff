-- Each is rewritten a few times on its way, and leaves the index of open ones.
ALTER TABLE runbell.run_requests SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02
)
