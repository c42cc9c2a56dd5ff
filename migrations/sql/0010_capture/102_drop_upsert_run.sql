-- runbell.keep_run has its statement: one call less for each status change.
DROP FUNCTION runbell.upsert_run
