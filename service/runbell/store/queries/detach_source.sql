-- Detaches a source; false: somebody holds the orchestrator's table.
-- $1 source text
SELECT runbell.detach_source($1::text)
