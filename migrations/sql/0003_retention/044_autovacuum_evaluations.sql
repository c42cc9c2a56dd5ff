-- Rows that come and go: what has gone must be reused before the table grows.
ALTER TABLE runbell.evaluations SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
)
