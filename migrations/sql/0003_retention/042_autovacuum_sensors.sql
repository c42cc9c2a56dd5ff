-- A few rows that each commit rewrites: by number of changes, not by share, and without pausing in between.
ALTER TABLE runbell.sensors SET (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
)
