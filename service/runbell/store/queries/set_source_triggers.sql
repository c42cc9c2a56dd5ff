-- Gives an attached source its triggers; false: somebody holds the orchestrator's table.
-- $1 source text
-- $2 form text  row, statement or none
SELECT runbell.set_triggers($1::text, $2::text)
