-- Takes the lock that only one migration holds at a time, for as long as the session lives; false: another has it.
-- $1 key bigint
SELECT pg_try_advisory_lock($1) AS taken
