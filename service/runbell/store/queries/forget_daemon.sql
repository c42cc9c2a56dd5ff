-- This process is no longer live.
-- $1 daemon_ids uuid[]
DELETE FROM runbell.daemons
WHERE daemon_id = ANY ($1::uuid[])
