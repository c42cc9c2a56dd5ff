-- Vacuum and analyze visit when 2 % have changed, not 20: of ten million rows that would be after two million. Never cut
-- the table's end off: that takes a lock which capture would have to wait for.
ALTER TABLE runbell.run_events SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02,
    vacuum_truncate = off
)
