-- Takes the lock that only one migration holds at a time, until the transaction ends; false: another has it.
-- $1 key bigint
SELECT pg_try_advisory_xact_lock($1) AS taken
