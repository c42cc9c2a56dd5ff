-- Held for as long as this session lives; peers that see it free know that the process has died.
-- $1 lock_key bigint
SELECT pg_advisory_lock($1)
