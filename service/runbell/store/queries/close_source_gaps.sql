-- Records the status changes of an attached source that were not captured; gives their number.
-- $1 source text
-- $2 most integer  runs in one transaction
SELECT runbell.close_gaps($1::text, $2::integer)
-- Who sends this plans without sequential scans; an orchestrator's own tables are read as the planner thinks best.
FROM (SELECT set_config('enable_seqscan', 'on', true)) AS planned
