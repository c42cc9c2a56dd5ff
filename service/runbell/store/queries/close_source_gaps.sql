-- Records the status changes of an attached source that were not captured; gives their number.
-- $1 source text
-- $2 most integer  runs in one transaction
SELECT runbell.close_gaps($1::text, $2::integer)
