ALTER TABLE runbell.runs SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05,
    vacuum_truncate = off
)
